"""Calibration of a definition from recorded logs, without a running twin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hanzo_twin.definition.models import TwinDefinition, require_physical
from hanzo_twin.definition.yaml_source import load_definition
from hanzo_twin.figures import check_plot
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.assembly import engine_config, load_definition_scene
from hanzo_twin.sync.calibration import (
    CalibrationPlan,
    CalibrationResult,
    ProgressListener,
    calibrate,
    default_parameters,
    load_recording,
)


def calibrate_files(
    definition: Path,
    *,
    logs: Sequence[Path],
    validation: Sequence[Path] = (),
    plot: Path | None = None,
    progress: ProgressListener | None = None,
) -> CalibrationResult:
    """Fit the parameters that the definition names to ``logs``; nothing is changed.

    Args:
        definition: YAML file; ``sync.recalibration`` says what to fit and how far ahead, the file source of
            ``sync.sources`` what the columns of the logs are.
        validation: logs that the fit never sees.
        plot: draw measured and predicted values of the first of ``validation`` (else of ``logs``) into this file.

    Raises:
        DefinitionError, SceneError, RecordingError, CalibrationError, NotIdentifiableError, UnsupportedError: what
            the user gave cannot be used; see `calibrate`.
        NotInstalledError, InvalidInputError, OutputError: ``plot`` cannot be drawn; as `check_plot`.
    """
    if plot is not None:
        check_plot(plot)
    wanted = require_physical(load_definition(definition))
    scene = load_definition_scene(wanted, definition.resolve().parent)
    fitted = [load_recording(path, scene, wanted.sync) for path in logs]
    unseen = [load_recording(path, scene, wanted.sync) for path in validation]
    config, delays = engine_config(wanted), input_delays(wanted, scene)
    result = calibrate(
        scene,
        wanted.engine.type,
        config,
        fitted,
        calibration_plan(wanted, scene),
        initial=delays,
        validation=unseen,
        progress=progress,
    )
    if plot is not None:
        from hanzo_twin.service.calibration_plot import plot_calibration

        plot_calibration(plot, scene, wanted.engine.type, config, [*unseen, *fitted][0], result, initial=delays)
    return result


def calibration_plan(definition: TwinDefinition, scene: Scene) -> CalibrationPlan:
    """What ``sync.recalibration`` asks for."""
    wanted = definition.sync.recalibration
    return CalibrationPlan(
        parameters=wanted.parameters or default_parameters(scene),
        horizon_s=wanted.horizon_s,
        max_evaluations=wanted.max_evaluations,
    )


def input_delays(definition: TwinDefinition, scene: Scene) -> dict[str, float]:
    """``sync.input_delay_s`` as the delay of each joint's actuator, as a live twin has it."""
    delay = definition.sync.input_delay_s
    joints = [joint for articulation in scene.articulations.values() for joint in articulation.joints]
    return {f"{joint}.actuatorDelay": delay for joint in joints} if delay else {}
