"""Which of the wanted parameters can be fitted to these data, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hanzo_twin.errors import NotIdentifiableError
from hanzo_twin.scene.addresses import Address
from hanzo_twin.sync.calibration.problem import Problem
from hanzo_twin.sync.calibration.sanity import parameters_at_rest
from hanzo_twin.sync.calibration.sensitivity import ABSOLUTE_FLOOR, Sensitivity, analyse
from hanzo_twin.twin.recording import Recording

WINDOWS = 60
# Small, so that few windows change between sticking and sliding in between, which would hide a null direction.
STEP = 1e-4


def undetermined(problem: Problem, moved: Mapping[str, float]) -> dict[str, str]:
    """Parameters that the windows do not determine, each with the reason.

    Sensitivities are judged at nominal values, because at zero friction or armature the parameters that scale
    together (a mass, a friction, an armature without any effort measured) seem to be apart.
    """
    at_rest = parameters_at_rest([c.address for c in problem.coordinates], moved)
    found = dict.fromkeys(at_rest, "its joint does not move in the recordings")
    left = [index for index, c in enumerate(problem.coordinates) if c.address not in found]
    if left:
        found.update(_insensitive(problem.of(left)))
    return found


def _insensitive(problem: Problem) -> dict[str, str]:
    few = problem.on(problem.windows.thinned(WINDOWS))
    nominal = np.array([c.at(c.nominal) for c in few.coordinates])
    units = np.array([c.relative_unit for c in few.coordinates])
    delays = np.array([c.address.endswith(".actuatorDelay") for c in few.coordinates])
    exact = replace(few, differences=np.where(delays, few.differences, STEP * units))
    sensitivity = analyse(exact.jacobian(nominal) * units)
    names = [c.address for c in few.coordinates]
    return {
        names[index]: _reason(sensitivity, [names[i] for i in group]) for group in sensitivity.groups for index in group
    }


def _reason(sensitivity: Sensitivity, group: Sequence[str]) -> str:
    if float(sensitivity.singular_values[0]) < ABSOLUTE_FLOOR:
        return "no prediction depends on it noticeably"
    if len(group) == 1:
        return "no prediction depends on it"
    return f"only a combination of {', '.join(group)} acts on the measurements"


def refuse(reasons: Mapping[str, str], recordings: Sequence[Recording]) -> NotIdentifiableError:
    """The error for data that determine none of the parameters."""
    names: dict[str, list[str]] = {}
    for address, reason in reasons.items():
        names.setdefault(reason, []).append(address)
    told = [
        reason if reason.startswith("only") else f"{', '.join(addresses)}: {reason}"
        for reason, addresses in names.items()
    ]
    logs = ", ".join(f"'{recording.name}'" for recording in recordings)
    return NotIdentifiableError(
        f"{logs} do{'es' if len(recordings) == 1 else ''} not determine any of the parameters: {'; '.join(told)}.",
        hint=_advice(reasons, recordings),
        addresses=tuple(reasons),
    )


def _advice(reasons: Mapping[str, str], recordings: Sequence[Recording]) -> str:
    efforts = [
        track
        for recording in recordings
        for name, track in recording.inputs.items()
        if Address.parse(name).attribute == "effort"
    ]
    if all("does not move" in reason or "no measured joint moves" in reason for reason in reasons.values()):
        return "Record a motion. Nothing was changed."
    if efforts and not any(np.any(track.values) for track in efforts):
        return (
            "All recorded efforts are zero: motion without a known effort gives ratios only (friction per mass), never "
            "the parameters themselves. Record the efforts, or fit fewer parameters. Nothing was changed."
        )
    return "Fit fewer parameters, or record a motion on which they act differently. Nothing was changed."
