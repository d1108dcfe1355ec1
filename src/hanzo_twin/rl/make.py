"""The front door: `make` one environment, `make_vec` many worlds in one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

from hanzo_twin.definition.randomization import DomainRandomization
from hanzo_twin.engines.port import BatchEngine
from hanzo_twin.engines.serial import load_worlds
from hanzo_twin.errors import InvalidInputError, NotInstalledError, nearest
from hanzo_twin.rl.draw_log import DrawLog
from hanzo_twin.rl.episodes import Autoreset, Episodes
from hanzo_twin.rl.pictures import Picture, Pictures
from hanzo_twin.rl.randomization import Randomization
from hanzo_twin.rl.resolve import Setup, TwinId, resolve
from hanzo_twin.rl.task import Recipe, Task

if TYPE_CHECKING:
    from hanzo_twin.rl.env import TwinEnv
    from hanzo_twin.rl.vector_env import Runner, TwinVectorEnv

Ranges = bool | Randomization | DomainRandomization | Mapping[str, object]
RENDER_MODES = ("rgb_array",)
MAX_ENVS = 65_536
MAX_THREADS = 1024


def make(
    twin_id: TwinId | None = None,
    *,
    engine: str | None = None,
    task: str | Task | Recipe | None = None,
    obs_type: str = "dict",
    action_type: str | None = None,
    step_hz: float | None = None,
    domain_randomization: Ranges = False,
    draw_log: str | os.PathLike[str] | None = None,
    render_mode: str | None = None,
    camera: str = "",
    picture_size: tuple[int, int] = (480, 360),
) -> TwinEnv:
    """One world as a `gymnasium.Env`.

    Args:
        twin_id: a definition or scene file, a local name (``NAME.yaml``, ``NAME/twin.yaml``), or a twin on a server,
            whose episodes then start where it is now. None takes the scene of the task.
        engine: None takes the definition's, else the first installed one that suits.
        task: name, `Task` or `Recipe`; None takes what the definition says, else ``free``.
        obs_type: ``dict`` or ``flat``.
        action_type: ``joint``, ``joint_position``, ``joint_velocity``, ``effort`` or ``twist``; None takes the task's.
        step_hz: decisions per second, a divisor of the engine's rate; None takes the task's.
        domain_randomization: True takes the ranges of the definition, or else the usual ones.
        draw_log: file that gets a line for each episode, with everything that was drawn; see `read_draws`.
        render_mode: None or ``rgb_array``.
        camera: prim path of the camera that `render` uses; "" takes one that shows all.
        picture_size: width and height of what `render` gives.

    Raises:
        NotInstalledError: gymnasium is missing.
        NotFoundError, UnsupportedError, InvalidInputError: a name stands for nothing, or things do not fit together.
        DefinitionError, SceneError: the files of the twin are wrong.

    Example::

        env = hanzo_twin.make("examples/pendulum/twin.yaml", task="pendulum", obs_type="flat")
        observation, info = env.reset(seed=7)
    """
    _require_gymnasium()
    from hanzo_twin.rl.env import TwinEnv
    from hanzo_twin.rl.spaces import checked_observation_type

    kind = checked_observation_type(obs_type)
    _check_render_mode(render_mode)
    setup = resolve(twin_id, engine=engine, task=task, step_hz=step_hz, domain_randomization=domain_randomization)
    runner = _episodes(setup, 1, threads=1, action_type=action_type, autoreset=Autoreset.DISABLED)
    pictures = None
    if render_mode is not None:
        width, height = _size(picture_size)
        pictures = Pictures(setup.scene, camera=camera, width=width, height=height)
    return TwinEnv(
        runner,
        obs_type=kind,
        metadata=_metadata(setup),
        draw_log=_opened(draw_log),
        take_picture=None if pictures is None else partial(_picture, pictures, runner),
    )


def make_vec(
    twin_id: TwinId | None = None,
    *,
    num_envs: int = 64,
    num_envs_per_worker: int | None = None,
    num_threads: int | None = None,
    autoreset_mode: str | Autoreset = Autoreset.NEXT_STEP,
    engine: str | None = None,
    task: str | Task | Recipe | None = None,
    obs_type: str = "flat",
    action_type: str | None = None,
    step_hz: float | None = None,
    domain_randomization: Ranges = False,
    draw_log: str | os.PathLike[str] | None = None,
) -> TwinVectorEnv:
    """Many worlds as one `gymnasium.vector.VectorEnv`; arguments as of `make`, and:

    Args:
        num_envs: how many worlds.
        num_envs_per_worker: worlds in each worker process; None uses no process for engines that advance many worlds
            at once, and one for each processor for others.
        num_threads: of an engine that advances many worlds at once; None takes one for each processor.
        autoreset_mode: ``NextStep``, ``SameStep`` or ``Disabled``, as Gymnasium defines them.

    Raises:
        As `make`. InvalidInputError: no worlds, or too many workers.
    """
    _require_gymnasium()
    from hanzo_twin.rl.spaces import checked_observation_type
    from hanzo_twin.rl.vector_env import TwinVectorEnv

    kind = checked_observation_type(obs_type)
    mode = _autoreset(autoreset_mode)
    num_envs = _count("num_envs", num_envs, MAX_ENVS)
    if num_envs_per_worker is not None:
        num_envs_per_worker = _count("num_envs_per_worker", num_envs_per_worker)
    if num_threads is not None:
        num_threads = _count("num_threads", num_threads, MAX_THREADS)
    setup = resolve(twin_id, engine=engine, task=task, step_hz=step_hz, domain_randomization=domain_randomization)
    build = partial(
        _episodes,
        setup,
        threads=1 if num_envs_per_worker else num_threads or processors(),
        action_type=action_type,
        autoreset=mode,
    )
    per_worker = num_envs_per_worker
    if per_worker is None and not isinstance(setup.engine, BatchEngine):
        per_worker = -(-num_envs // processors())
    runner: Runner = build(num_envs) if per_worker is None else in_workers(build, num_envs, per_worker)
    return TwinVectorEnv(runner, obs_type=kind, autoreset=mode, metadata=_metadata(setup), draw_log=_opened(draw_log))


def in_workers(build: Callable[[int], Episodes], num_envs: int, per_worker: int) -> Runner:
    """The worlds in processes of their own."""
    from hanzo_twin.rl.workers import WorkerEpisodes

    return WorkerEpisodes(build, num_envs=num_envs, per_worker=per_worker)


def _picture(pictures: Pictures, runner: Episodes) -> Picture:
    return pictures.take(runner.batch.body_poses[0])


def _size(given: object) -> tuple[int, int]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InvalidInputError(f"picture_size is {given!r}.", hint="Allowed: width and height, such as (480, 360).")
    return given[0], given[1]


def _opened(path: str | os.PathLike[str] | None) -> DrawLog | None:
    given: object = path  # what callers without types give, too
    if given is not None and not isinstance(given, str | os.PathLike):
        raise InvalidInputError(f"draw_log is {given!r}.", hint="Allowed: the path of a file, or None.")
    return None if path is None else DrawLog(path)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _episodes(setup: Setup, num_envs: int, *, threads: int, action_type: str | None, autoreset: Autoreset) -> Episodes:
    batch = load_worlds(setup.engine, setup.scene, setup.config, num_envs, threads=threads)
    if setup.state is not None:
        batch.set_state([setup.state] * num_envs)
        batch.set_start()
    return Episodes(
        batch,
        setup.task,
        engine_steps=setup.engine_steps,
        action_type=action_type,
        randomization=setup.randomization,
        autoreset=autoreset,
    )


def _metadata(setup: Setup) -> dict[str, Any]:
    rate = setup.config.step_hz / setup.engine_steps
    return {
        "render_modes": list(RENDER_MODES),
        "render_fps": round(rate),
        "step_hz": rate,
        "engine": setup.engine_name,
        "task": setup.task.name,
        "scene_fingerprint": setup.scene.fingerprint,
    }


def _autoreset(given: str | Autoreset) -> Autoreset:
    names = {mode.value: mode for mode in Autoreset} | {mode.name: mode for mode in Autoreset}
    value = str(getattr(given, "value", given))
    if value not in names:
        raise InvalidInputError(
            f"There is no autoreset_mode '{value}'.", hint=nearest(value, [mode.value for mode in Autoreset])
        )
    return names[value]


def _count(name: str, given: Any, most: int | None = None) -> int:
    if (
        isinstance(given, bool)
        or not isinstance(given, Integral)
        or int(given) < 1
        or (most is not None and int(given) > most)
    ):
        end = "" if most is None else f" to {most}"
        raise InvalidInputError(f"{name} is {given!r}.", hint=f"Allowed: whole numbers from 1{end}.")
    return int(given)


def _check_render_mode(render_mode: str | None) -> None:
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise InvalidInputError(
            f"There is no render_mode '{render_mode}'.", hint=nearest(render_mode, RENDER_MODES) + " Or None."
        )


def _require_gymnasium() -> None:
    try:
        import gymnasium  # noqa: F401
    except ModuleNotFoundError as missing:
        raise NotInstalledError(
            "Environments need the package 'gymnasium', which is not installed.",
            hint="Install it with: pip install 'hanzo-twin[rl]'",
        ) from missing
