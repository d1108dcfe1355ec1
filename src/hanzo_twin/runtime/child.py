"""The processes that `serve` keeps up: ``python -m hanzo_twin.runtime.child NAME PARENT_PID [SOCKET]``.

A name is ``controller``, ``worker``, ``api``, or, where several processes answer requests, ``api-1``, ``api-2`` …:
these get the socket that they share. Each reads the settings that ``HANZO_TWIN_CONFIG`` names, and dies with
the process that started it.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys

from hanzo_twin.definition.settings import load_settings
from hanzo_twin.errors import HanzoTwinError, InvalidInputError
from hanzo_twin.runtime.logfile import log_to
from hanzo_twin.runtime.places import logs_directory

_PR_SET_PDEATHSIG = 1
_USAGE = "Usage: python -m hanzo_twin.runtime.child api|controller|worker PARENT_PID [SOCKET]"
_FAILED = 1


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies, by whatever means: the next `serve` needs its port."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def run_api(listening: socket.socket) -> bool:
    """Answer what comes to ``listening`` until SIGTERM; False if the application could not begin."""
    import uvicorn

    config = uvicorn.Config(
        "hanzo_twin.api.app:create_app", factory=True, log_config=None, access_log=False, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    return server.started


def main(arguments: list[str]) -> int:
    """Run one child; returns the exit code."""
    try:
        name, parent, *rest = arguments if len(arguments) > 1 else ("", "")
        role = name.partition("-")[0]
        if role not in ("api", "controller", "worker") or len(rest) != (role == "api"):
            raise InvalidInputError(_USAGE)
        die_with(int(parent))
        settings = load_settings()
        level = logging.getLevelName(settings.logging.level.upper())
        log_to(logs_directory(settings) / f"{name}.log", level=level)
        if role == "api":
            listening = socket.socket(fileno=int(rest[0]))
            listening.set_inheritable(False)
            return 0 if run_api(listening) else _FAILED
        if role == "worker":
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
