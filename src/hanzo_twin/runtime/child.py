"""The processes that `serve` keeps up: ``python -m hanzo_twin.runtime.child api|controller|worker PARENT_PID``.

Each reads the settings that ``HANZO_TWIN_CONFIG`` names, and dies with the process that started it.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys

from hanzo_twin.definition.settings import Settings, load_settings
from hanzo_twin.errors import HanzoTwinError, InvalidInputError
from hanzo_twin.runtime.logfile import log_to
from hanzo_twin.runtime.places import logs_directory

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies, by whatever means: the next `serve` needs its port."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def run_api(settings: Settings) -> None:
    """Serve the API until SIGTERM."""
    import uvicorn

    uvicorn.run(
        "hanzo_twin.api.app:create_app",
        factory=True,
        host=settings.server.host,
        port=settings.server.port,
        workers=settings.server.workers if settings.server.workers > 1 else None,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


def main(arguments: list[str]) -> int:
    """Run one child; returns the exit code."""
    try:
        if len(arguments) != 2 or arguments[0] not in ("api", "controller", "worker"):
            raise InvalidInputError("Usage: python -m hanzo_twin.runtime.child api|controller|worker PARENT_PID")
        die_with(int(arguments[1]))
        settings = load_settings()
        log_to(
            logs_directory(settings) / f"{arguments[0]}.log", level=logging.getLevelName(settings.logging.level.upper())
        )
        if arguments[0] == "api":
            run_api(settings)
        elif arguments[0] == "worker":
            from hanzo_twin.jobs.worker import run_worker

            asyncio.run(run_worker(settings))
        else:
            from hanzo_twin.runtime.controller_process import run_controller

            asyncio.run(run_controller(settings))
    except HanzoTwinError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
