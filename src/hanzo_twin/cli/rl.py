"""``hanzo-twin rl``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hanzo_twin.cli.group import Group
from hanzo_twin.cli.output import Json, emit, note, number, say, table

app = typer.Typer(cls=Group, no_args_is_help=True, help="Reinforcement learning on a twin.")

Twin = Annotated[
    str | None, typer.Option("--twin", help="Definition or scene file, or name; default: the task's scene.")
]
Task = Annotated[str | None, typer.Option("--task", help="Name of the task; default: the definition's.")]
Engine = Annotated[str | None, typer.Option("--engine", help="Name of the engine; default: the definition's.")]


@app.command()
def tasks(json: Json = False) -> None:
    """List the tasks there are."""
    from hanzo_twin import plugins
    from hanzo_twin.rl.registration import environment_id

    rows = [
        {
            "name": name,
            "gymnasium_id": f"hanzo_twin/{environment_id(name)}",
            "summary": plugins.load(plugins.TASKS, name).summary,
        }
        for name in plugins.names(plugins.TASKS)
    ]
    if json:
        emit(rows)
    else:
        table(("NAME", "GYMNASIUM", "SUMMARY"), (tuple(row.values()) for row in rows), empty="No task is installed.")


@app.command()
def inspect(
    twin: Twin = None,
    task: Task = None,
    engine: Engine = None,
    num_envs: Annotated[int, typer.Option(min=2, help="Worlds that run together.")] = 64,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long they run, s.")] = 5.0,
    seed: Annotated[int, typer.Option(help="Seed of the draws and of the actions.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="File for a picture: .png, .svg or .pdf.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show how far domain randomization spreads the trajectories from one start under the same actions."""
    from hanzo_twin.figures import check_plot
    from hanzo_twin.rl.spread import measure_spread, plot_spread

    if plot is not None:
        check_plot(plot)
    spread = measure_spread(twin, task=task, engine=engine, num_envs=num_envs, seconds=seconds, seed=seed)
    if plot is not None:
        plot_spread(spread, plot)
    influence = spread.influence()
    distance = dict(zip(spread.names, spread.rms().tolist(), strict=True))
    if json:
        draws = {
            name: {"min": float(v.min()), "max": float(v.max()), "influence": influence[name]}
            for name, v in spread.draws.items()
        }
        emit({"num_envs": num_envs, "seconds": seconds, "draws": draws, "rms_from_nominal": distance})
        return
    table(
        ("DRAWN", "LEAST", "GREATEST", "INFLUENCE"),
        (
            (name, number(float(v.min())), number(float(v.max())), number(influence[name]))
            for name, v in spread.draws.items()
        ),
        empty="Nothing was drawn.",
    )
    say("")
    table(
        ("OBSERVED", "RMS FROM NOMINAL"),
        ((name, number(value)) for name, value in distance.items()),
        empty="Nothing is observed.",
    )
    if plot is not None:
        note(f"The trajectories are in {plot}.")
