"""``hanzo-twin policy``: judge, export and run trained policies."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hanzo_twin.cli.arguments import connect
from hanzo_twin.cli.output import Force, Json, check_new, emit, fields, note, number, save, say, table
from hanzo_twin.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from hanzo_twin.client import Client
    from hanzo_twin.engines.state import SimState

app = typer.Typer(no_args_is_help=True, help="Trained policies: judge, export, run on a live twin.")

Where = Annotated[
    Path,
    typer.Argument(metavar="POLICY", help="Folder of a policy or of a run, or the zip of one.", show_default=False),
]
Task = Annotated[str | None, typer.Option(help="Another task than it was trained on.", show_default=False)]


@app.command()
def evaluate(
    policy: Where,
    twin: Annotated[str | None, typer.Option(help="Another twin than it was trained on.", show_default=False)] = None,
    task: Task = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="Another engine; may be repeated to compare.", show_default=False)
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=10_000, help="Held-out episodes.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the first episode; the rest follow it.")] = 1_000_000_000,
    randomize: Annotated[bool, typer.Option("--randomize", help="Draw parameters for each episode.")] = False,
    json: Json = False,
) -> None:
    """Run a policy without chance on episodes that training never saw; on several engines: how it transfers."""
    from hanzo_twin.engines.port import load_engine
    from hanzo_twin.rl.make import make_vec
    from hanzo_twin.rl.training.evaluation import evaluate as judge
    from hanzo_twin.rl.training.load import environment_of, find_policy
    from hanzo_twin.rl.training.requirements import require_training

    require_training()
    for name in engine or ():
        load_engine(name)  # what is not there is told before anything is run
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        loaded = find_policy(policy, Path(folder))
        for name in engine or [loaded.lineage["engine"]]:
            changes = {"twin": twin, "task": task, "engine": name, "domain_randomization": randomize or None}
            env = make_vec(num_envs=episodes, **environment_of(loaded, changes))
            try:
                found[name] = judge(loaded, env, seed=seed).summary()
            finally:
                env.close()
    if json:
        emit(found)
        return
    table(
        ("ENGINE", "EPISODES", "SUCCESS", "RETURN", "±", "WORST", "LENGTH"),
        (
            (
                name, told["episodes"], "–" if told["success_rate"] is None else f"{told['success_rate']:.0%}",
                f"{told['return_mean']:.5g}", f"{told['return_std']:.3g}", f"{told['return_min']:.5g}",
                f"{told['length_mean']:.4g}",
            )
            for name, told in found.items()
        ),
        empty="",
    )  # fmt: skip


@app.command()
def export(
    policy: Where,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.", show_default=False)],
    format: Annotated[  # noqa: A002
        Literal["onnx", "sb3"], typer.Option(help="onnx runs anywhere, sb3 can be trained on.")
    ] = "onnx",
    force: Force = False,
    json: Json = False,
) -> None:
    """Copy a policy out of its folder as one file."""
    from hanzo_twin.rl.training.load import find_policy
    from hanzo_twin.rl.training.policy import ONNX, ZIP

    check_new(output, force=force)
    with tempfile.TemporaryDirectory() as folder:
        loaded = find_policy(policy, Path(folder))
        source = loaded.folder / (ONNX if format == "onnx" else ZIP)
        if not source.exists():
            raise NotFoundError(f"The policy has no {source.name}.", hint="It was exported without it.")
        save(output, source.read_bytes())
    size = output.stat().st_size
    if json:
        emit({"file": str(output), "format": format, "bytes": size, "observations": loaded.observation_size})
    else:
        say(f"{output} ({size:,} bytes) takes {loaded.observation_size} observations and gives actions in -1 … 1.")


@app.command()
def show(policy: Where, json: Json = False) -> None:
    """Show where a policy came from: task, engine, scene, seed, versions, evaluation."""
    from hanzo_twin.rl.training.load import find_policy

    with tempfile.TemporaryDirectory() as folder:
        lineage = find_policy(policy, Path(folder)).lineage
    if json:
        emit(lineage)
        return
    spec, judged = lineage["spec"], lineage["evaluation"]
    rate = judged["success_rate"]
    fields(
        [
            ("task", lineage["task"]),
            ("trained on", f"{lineage['engine']}, {lineage['step_hz']:g} decisions a second"),
            ("scene", lineage["scene_fingerprint"][:16]),
            ("algorithm", f"{spec['algo']}, seed {spec['seed']}, {spec['num_envs']} worlds, {judged['steps']:,} steps"),
            ("randomized", "yes" if spec["domain_randomization"] else "no"),
            ("held-out return", f"{judged['return_mean']:.5g} ± {judged['return_std']:.3g}"),
            ("success", None if rate is None else f"{rate:.0%} of {judged['episodes']} episodes"),
            ("versions", [f"{name} {version}" for name, version in lineage["versions"].items() if version]),
        ]
    )


@app.command()
def run(
    ctx: typer.Context,
    policy: Where,
    twin: Annotated[str, typer.Option(help="A running twin of the server.", show_default=False)],
    task: Task = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="Of what the task draws, such as a goal.")] = 0,
    json: Json = False,
) -> None:
    """Let a policy command the joints of a live twin; Ctrl-C ends it."""
    from rich.console import Console

    from hanzo_twin.cli.train import ConsoleWatcher
    from hanzo_twin.client.twins import definition_of
    from hanzo_twin.rl.training.live import LivePolicy
    from hanzo_twin.rl.training.load import environment_of, find_policy
    from hanzo_twin.rl.training.requirements import require_training

    require_training()
    console = Console(stderr=True, markup=False, highlight=False)
    with tempfile.TemporaryDirectory() as folder, connect(ctx) as client:
        loaded = find_policy(policy, Path(folder))
        view = client.get_twin(twin)
        if view.phase not in ("running", "degraded"):
            raise InvalidInputError(f"Twin '{view.name}' is {view.phase}.", hint=f"Start it: hanzo-twin start {twin}")
        environment = environment_of(loaded, {"task": task})
        environment["twin_id"] = definition_of(client, twin, Path(folder))
        live = LivePolicy(loaded, _Remote(client, twin), environment, seed=seed)
        try:
            with ConsoleWatcher(console, quiet=json) as watcher:
                report = live.run(
                    seconds,
                    stopping=lambda: watcher.stopping,
                    progress=lambda done, total: watcher.report(min(done, 1.0), f"reward {total:.5g}"),
                )
        finally:
            live.close()
    if report.latest_s > live.step_seconds:
        note(f"Commands were up to {report.latest_s * 1000:.0f} ms late; the twin or this machine is too slow for it.")
    if json:
        emit(vars(report))
        return
    fields(
        [
            ("steps", f"{report.steps} in {number(report.seconds, 's')}"),
            ("reward", f"{report.total_reward:.5g}"),
            ("success", None if report.success is None else "yes" if report.success else "no"),
            ("latest command", f"{max(0.0, report.latest_s) * 1000:.1f} ms after its time"),
        ]
    )


@app.command()
def download(
    ctx: typer.Context,
    job: Annotated[str, typer.Argument(metavar="JOB", help="Id of a training job.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="File or folder to save it in.")] = Path(),
    force: Force = False,
    json: Json = False,
) -> None:
    """Save the policy of a training job as a zip file, which the other commands take as it is."""
    with connect(ctx) as client:
        saved = client.download_policy(job, output, overwrite=force)
    if json:
        emit({"file": str(saved), "bytes": saved.stat().st_size})
    else:
        say(str(saved))


class _Remote:
    """A running twin on a server."""

    def __init__(self, client: Client, twin: str) -> None:
        self._client, self._twin = client, twin

    def state(self) -> SimState:
        from hanzo_twin.twin.state import TwinState

        return TwinState.from_bytes(self._client.get_state_bytes(self._twin)).simulation

    def command(self, inputs: dict[str, float]) -> None:
        self._client.set_inputs(self._twin, inputs)
