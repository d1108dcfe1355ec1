"""Why two engines part: each suspect that was seen at the scene is taken away, and the difference measured anew.

A suspect is the likely cause when most of the difference goes with it. What is seen but makes no difference is no
cause, however suspicious; and where only the step matters, halving it tells the order of the integrators' error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np

from hanzo_twin.comparison import laboratory
from hanzo_twin.comparison.differences import differences
from hanzo_twin.comparison.evidence import Contact, JointEvent, articulation_of, contacts, efforts_saturated
from hanzo_twin.comparison.evidence import limits_reached as reached
from hanzo_twin.comparison.laboratory import Laboratory
from hanzo_twin.comparison.report import Cause, CauseKind, Experiment
from hanzo_twin.engines.port import Engine
from hanzo_twin.scene.model import Material

# Taking a cause away leaves at most this much of the difference.
_EXPLAINED = 0.3
# Halving the step divides an error of order p by 2ᵖ; what it divides by less than this is of no order.
_SHRINKS = 1.5
_BETWEEN_ORDERS = (2.0**1.5, 2.0**2.5)
# A start this much off grows by at least this factor where motion is chaotic.
_CHAOTIC_GROWTH = 1e3
_LEAST_NUDGE = 1e-12


@dataclass(frozen=True, kw_only=True)
class _Suspect:
    kind: CauseKind
    change: str
    alter: laboratory.Change
    text: Callable[[], str]


def find_cause(found: Laboratory) -> Cause:
    """The likely cause of ``found.parting``."""
    known = _without_experiment(found)
    if known is not None:
        return known
    size = found.parting.size
    experiments: list[Experiment] = []
    candidates: list[tuple[float, _Suspect]] = []
    for suspect in _suspects(found):
        left = found.without(suspect.alter, suspect.change)
        if left is not None:
            experiments.append(Experiment(change=suspect.change, remaining=left / size))
            candidates.append((left / size, suspect))
    best = min(candidates, key=lambda each: each[0], default=None)
    if best is not None and best[0] <= _EXPLAINED:
        return _confirmed(found, best[1], experiments)
    return _of_the_numbers(found, experiments)


def _without_experiment(found: Laboratory) -> Cause | None:
    """Causes that need none: an engine without dynamics, and another start."""
    names = (found.reference.capabilities(), found.other.capabilities())
    still = [can.name for can in names if not can.dynamics]
    if still:
        return Cause(kind="no_dynamics", text=f"Engine '{still[0]}' has no dynamics: nothing moves by forces in it.")
    if found.parting.index == 0:
        return Cause(kind="start", text="They differ before the first step: the engines place it differently.")
    return None


def _suspects(found: Laboratory) -> Iterator[_Suspect]:
    scene, runs, parting = found.scene, found.runs, found.parting
    limits = reached(scene, runs, parting)
    if limits:
        yield _Suspect(
            kind="limit",
            change="no joint limits",
            alter=laboratory.no_limits,
            text=lambda: _event_text(
                found,
                limits[0],
                "came to its limit",
                "Engines stop a joint at its limit with different stiffness and within different times.",
            ),
        )
    saturated = efforts_saturated(scene, runs, parting)
    if saturated:
        yield _Suspect(
            kind="saturation",
            change="unlimited efforts",
            alter=laboratory.unlimited_efforts,
            text=lambda: _event_text(
                found,
                saturated[0],
                "gave its greatest effort",
                "From there on the drive no longer corrects what differs.",
            ),
        )
    if any(shape.collides for body in scene.bodies.values() for shape in body.shapes):
        yield _Suspect(
            kind="contact",
            change="nothing collides",
            alter=laboratory.nothing_collides,
            text=lambda: _contact_text(found, contacts(scene, runs, parting)),
        )
    articulation = articulation_of(scene, parting)
    if articulation is not None and any(scene.joints[path].friction for path in articulation.joints):
        yield _Suspect(
            kind="joint_friction",
            change="no dry friction in joints",
            alter=laboratory.no_joint_friction,
            text=lambda: (
                "The dry friction of its joints is modelled differently: some engines let a joint that sticks "
                "creep, others do not."
            ),
        )


def _confirmed(found: Laboratory, suspect: _Suspect, experiments: list[Experiment]) -> Cause:
    if suspect.kind == "contact":
        rule = _friction_rule(found, experiments)
        if rule is not None:
            return Cause(kind="friction_rule", text=rule, experiments=tuple(experiments))
    return Cause(kind=suspect.kind, text=suspect.text(), experiments=tuple(experiments))


def _of_the_numbers(found: Laboratory, experiments: list[Experiment]) -> Cause:
    """The step, the growth of what is small, or nothing that was found."""
    order = _order(found, experiments)
    if order is not None:
        shorter = "A shorter step brings them together."
        text = f"{order} in the step of {found.config.step_seconds:g} s, by which the integrators differ. {shorter}"
        return Cause(kind="integrator", text=text, experiments=tuple(experiments))
    chaos = _chaos(found)
    if chaos is not None:
        return Cause(kind="chaos", text=chaos, experiments=tuple(experiments))
    tried = "; ".join(f"{each.change}: {each.remaining:.0%} is left" for each in experiments)
    return Cause(
        kind="unknown",
        text=f"None of the experiments takes it away ({tried or 'none could be made'}). The engines model something "
        "in it differently.",
        experiments=tuple(experiments),
    )


def _order(found: Laboratory, experiments: list[Experiment]) -> str | None:
    """What half and a quarter of the step leave of the difference, if both shrink it alike."""
    left = [found.parting.size]
    for factor, change in ((2, "half the step"), (4, "a quarter of the step")):
        again = found.refined(factor)
        if again is None:
            return None
        experiments.append(Experiment(change=change, remaining=again / found.parting.size))
        if again > left[-1] / _SHRINKS:
            return None
        left.append(again)
    ratio = (left[0] / max(left[2], _LEAST_NUDGE)) ** 0.5
    order = "first" if ratio < _BETWEEN_ORDERS[0] else "second" if ratio < _BETWEEN_ORDERS[1] else "higher"
    return f"Each halving of the step leaves {1 / ratio:.0%} of it: an error of {order} order"


def _chaos(found: Laboratory) -> str | None:
    early = max(1, min(found.parting.index // 10, 10))
    values = differences(*found.runs).of(found.parting.measure)[: early + 1]
    nudge = max(float(values.max()), _LEAST_NUDGE)
    apart = found.nudged(nudge)
    if apart is None or apart < 0.1 * found.parting.size or apart / nudge < _CHAOTIC_GROWTH:
        return None
    return (
        f"The motion is chaotic: the reference itself, started {nudge:.1e} off, is {apart:.1e} off by then, "
        f"{apart / nudge:.0e} times as much. Rounding decides; compare a shorter time, or statistics of many runs."
    )


def _event_text(found: Laboratory, event: JointEvent, what: str, why: str) -> str:
    return f"Joint '{event.joint.path}' {what} {_when(found, event.times)}. {why}"


def _contact_text(found: Laboratory, touching: tuple[Contact, ...]) -> str:
    changed = found.changed_by(laboratory.nothing_collides, "nothing collides")
    acts = f" They change its motion {_when(found, changed)}." if changed is not None else ""
    why = "Engines resolve contacts differently: how deep, how fast, with which margin."
    if not touching:
        return f"A contact before; none is left by then.{acts} {why}"
    newest = touching[0]
    first, second = newest.touch.body or newest.touch.shape, newest.touch.other or newest.touch.other_shape
    return f"'{first}' and '{second}' touch {_when(found, newest.since)}.{acts} {why}"


def _when(found: Laboratory, times: tuple[float, float]) -> str:
    names = (found.reference.capabilities().name, found.other.capabilities().name)
    told = [f"from {time:.4g} s in {name}" for name, time in zip(names, times, strict=True) if isfinite(time)]
    never = [f"not by then in {name}" for name, time in zip(names, times, strict=True) if not isfinite(time)]
    return ", ".join([*told, *never])


def _friction_rule(found: Laboratory, experiments: list[Experiment]) -> str | None:
    """Where the contact's two materials differ, and with equal ones the difference goes."""
    pairs = [pair for one in contacts(found.scene, found.runs, found.parting) if (pair := _materials(found, one))]
    if not pairs:
        return None
    change = "the same friction everywhere"
    left = found.without(laboratory.one_friction, change)
    if left is None:
        return None
    experiments.append(Experiment(change=change, remaining=left / found.parting.size))
    if left / found.parting.size > _EXPLAINED:
        return None
    first, second = pairs[0]
    rules = ", ".join(
        _rule_text(engine, first.dynamic_friction, second.dynamic_friction) for engine in (found.reference, found.other)
    )
    return (
        f"Materials of different friction touch ('{first.path}' {first.dynamic_friction:g}, '{second.path}' "
        f"{second.dynamic_friction:g}), and the engines combine them by different rules: {rules}."
    )


def _materials(found: Laboratory, contact: Contact) -> tuple[Material, Material] | None:
    scene = found.scene
    shapes = {shape.path: shape for body in scene.bodies.values() for shape in body.shapes} | dict(scene.static_shapes)
    default = Material(path="the default")
    first, second = (
        scene.materials.get(shapes[path].material, default) for path in (contact.touch.shape, contact.touch.other_shape)
    )
    return (first, second) if not np.isclose(first.dynamic_friction, second.dynamic_friction) else None


def _rule_text(engine: Engine, first: float, second: float) -> str:
    can = engine.capabilities()
    combined = can.combined_friction(first, second)
    return f"{can.name} unknown" if combined is None else f"{can.name} {can.friction_rule} = {combined:.3g}"
