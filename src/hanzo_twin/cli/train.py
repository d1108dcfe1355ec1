"""``hanzo-twin train``: learn a policy here, or as a job of the server."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanzo_twin.cli.arguments import connect
from hanzo_twin.cli.output import Json, emit, fields, note, number
from hanzo_twin.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(train)


def train(
    ctx: typer.Context,
    twin: Annotated[
        str | None, typer.Option(help="Definition or scene file, or a twin; none: the task's own scene.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="What to learn; none takes what the twin says.")] = None,
    engine: Annotated[str | None, typer.Option(help="None takes the twin's.")] = None,
    algo: Annotated[str, typer.Option(help="ppo, sac or td3.")] = "ppo",
    num_envs: Annotated[int, typer.Option(min=1, help="Worlds that step together.")] = 32,
    total_steps: Annotated[int, typer.Option(min=1, help="Steps of all worlds together.")] = 500_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed trains the same policy.")] = 0,
    action_type: Annotated[
        str | None, typer.Option(help="joint, joint_position, joint_velocity, effort, twist.")
    ] = None,
    step_hz: Annotated[float | None, typer.Option(help="Decisions a second; none takes the task's.")] = None,
    randomize: Annotated[bool, typer.Option("--randomize", help="Draw parameters for each episode.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter; may be repeated.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with more settings; options go over it.", show_default=False)
    ] = None,
    stop_at_success: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="End once so many held-out episodes succeed.")
    ] = None,
    stop_at_return: Annotated[
        float | None, typer.Option(help="End once the mean held-out return is that high.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow to report to: http://… or sqlite:///file.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; one that was broken off goes on.")
    ] = None,
    job: Annotated[bool, typer.Option("--job", help="Run as a job of the server, and follow it.")] = False,
    json: Json = False,
) -> None:
    """Train a policy. Ctrl-C saves a checkpoint; the same command goes on from it."""
    from hanzo_twin.cli.jobs import follow_job, read_spec

    options = {
        "twin": twin, "task": task, "engine": engine, "algo": algo, "num_envs": num_envs, "total_steps": total_steps,
        "seed": seed, "action_type": action_type, "step_hz": step_hz, "domain_randomization": randomize or None,
        "hyperparameters": hyperparameters(set_ or ()) or None, "stop_at_success": stop_at_success,
        "stop_at_return": stop_at_return, "tracking_uri": tracking_uri,
    }  # fmt: skip
    given: dict[str, Any] = {} if spec is None else read_spec(spec)
    stated = {name for name in options if _stated(ctx, name)}
    wanted = {**options, **given, **{name: options[name] for name in stated}}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if job:
        if output is not None:
            raise InvalidInputError(
                "--output goes with training here.", hint="A job's policy: hanzo-twin policy download"
            )
        with connect(ctx) as client:
            view = client.submit_job("train", wanted)
            note(f"Job {view.id} trains; follow it from anywhere with: hanzo-twin job logs {view.id} --follow")
            view = follow_job(client, str(view.id), quiet=json)
        if json:
            emit(view)
        else:
            _show(view.result or {}, f"hanzo-twin policy download {view.id}")
        if view.state != "succeeded":
            note((view.error or {}).get("message", f"The job is {view.state}."))
            raise typer.Exit(1)
        return
    _train_here(wanted, output, json)


def hyperparameters(texts: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """``NAME=VALUE`` as YAML values.

    Raises:
        InvalidInputError: one has another form.
    """
    from ruamel.yaml import YAML

    found: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise InvalidInputError(f"'{text}' sets nothing.", hint="Write NAME=VALUE, such as learning_rate=1e-3.")
        found[name] = YAML(typ="safe").load(value)
        if isinstance(found[name], str):  # YAML 1.2 reads 1e-3 as text
            with contextlib.suppress(ValueError):
                found[name] = float(value)
    return found


def _stated(ctx: typer.Context, name: str) -> bool:
    """Whether the caller gave an option, rather than left it at its default."""
    parameter = {"domain_randomization": "randomize", "hyperparameters": "set_"}.get(name, name)
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name != "DEFAULT"


def _train_here(wanted: dict[str, Any], output: Path | None, json: bool) -> None:
    from rich.console import Console

    from hanzo_twin.rl.training.requirements import require_training

    require_training()
    from hanzo_twin.rl.training.run_folder import RunFolder
    from hanzo_twin.rl.training.spec import parse_spec
    from hanzo_twin.rl.training.train import train as run

    spec = parse_spec(wanted)
    what = spec.task or Path(spec.twin or "twin").stem
    folder = output or Path("runs") / f"{what}-{spec.algo}-{spec.seed}"
    console = Console(stderr=True, markup=False, highlight=False)
    with RunFolder(folder, spec), ConsoleWatcher(console, quiet=json) as watcher:
        result = run(spec, folder, watcher)
    if json:
        emit(result)
    else:
        _show(result, f"hanzo-twin policy evaluate {folder}")
    if watcher.stopping:
        note(f"Broken off with a checkpoint; the same command goes on. The run is in {folder}.")
        raise typer.Exit(130)


def _show(result: dict[str, Any], following: str) -> None:
    judged = result.get("evaluation") or {}
    rate = judged.get("success_rate")
    fields(
        [
            ("policy", result.get("policy")),
            ("steps", f"{result.get('steps', 0):,} in {number(result.get('seconds'), 's')}"),
            ("best at", f"{judged['steps']:,} steps" if judged else None),
            ("held-out return", f"{judged['return_mean']:.5g} ± {judged['return_std']:.3g}" if judged else None),
            ("success", None if rate is None else f"{judged['succeeded']} of {judged['episodes']} held-out episodes"),
            ("curves", result.get("curves")),
            ("next", following),
        ]
    )


class ConsoleWatcher:
    """Shows a run on the terminal; SIGINT and SIGTERM ask it to save and end, the second time at once."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.stopping = False
        self._console, self._quiet = console, quiet
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.percentage:.0f}% {task.description}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task("begins", total=1.0)
        self._before: dict[int, Any] = {}

    def report(self, progress: float, message: str = "", **metrics: float) -> None:
        told = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in metrics.items())
        self._bar.update(self._task, completed=progress, description=f"{message}, {told}" if told else message)

    def log(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True
        for number_, handler in self._before.items():
            signal.signal(number_, handler)
        self.log("Saving a checkpoint …")

    def __enter__(self) -> ConsoleWatcher:
        self._before = {each: signal.signal(each, self._stop) for each in (signal.SIGINT, signal.SIGTERM)}
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        for number_, handler in self._before.items():
            signal.signal(number_, handler)
