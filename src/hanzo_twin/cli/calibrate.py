"""``hanzo-twin calibrate``: fit parameters of a twin to recorded logs, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanzo_twin.cli.output import Json, emit, fields, note, number, table
from hanzo_twin.cli.progress import Bar

if TYPE_CHECKING:
    from hanzo_twin.sync.calibration.result import CalibrationResult, ParameterEstimate


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(calibrate)


def calibrate(
    definition: Annotated[
        Path, typer.Argument(metavar="DEFINITION", help="Definition of the twin.", show_default=False)
    ],
    log: Annotated[
        list[Path], typer.Option("--log", help="CSV or Parquet log to fit; may be repeated.", show_default=False)
    ],
    validate: Annotated[
        list[Path] | None,
        typer.Option("--validate", help="Log that the fit never sees; may be repeated.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw measured and predicted values (.png, .svg, .pdf).", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Fit parameters to logs: how sure each one is, and the error on unseen data before and after.

    Exits with 1 where the fit does not predict unseen data better; nothing is changed in any case.
    """
    from hanzo_twin.service.calibrate import calibrate_files

    with Bar("Calibrating") as bar:
        result = calibrate_files(definition, logs=log, validation=validate or (), plot=plot, progress=bar.update)
    if json:
        emit(result.to_dict())
    else:
        _show(result)
    if not result.accepted:
        raise typer.Exit(1)


def _show(result: CalibrationResult) -> None:
    table(
        ("PARAMETER", "BEFORE", "ESTIMATE", "95 % INTERVAL", ""),
        ((address, each.initial, *_estimate(each)) for address, each in result.parameters.items()),
        empty="",
    )
    table(
        ("DATA", "ATTRIBUTE", "AHEAD", "RMSE BEFORE", "RMSE AFTER"),
        (
            (
                f"{each.recording} ({kind})",
                each.attribute,
                number(each.horizon_s, "s"),
                each.rmse_before,
                each.rmse_after,
            )
            for kind, errors in (
                ("fitted", result.fit),
                ("held back", result.held_back),
                ("unseen", result.validation),
            )
            for each in errors
        ),
        empty="",
    )
    verdict = "accepted" if result.accepted else "not accepted"
    fields([("Verdict", f"{verdict}: {result.reason}"), ("Took", number(result.seconds, "s", 3))])
    note("The intervals hold for a machine of the model's form; what the model leaves out is part of the estimates.")
    for warning in result.warnings:
        note(f"Note: {warning}")


def _estimate(each: ParameterEstimate) -> tuple[object, str, str]:
    if each.low is None or each.high is None:
        return "–", "", each.note or "the data do not determine it"
    return each.estimate, f"{each.low:.6g} … {each.high:.6g}", each.note
