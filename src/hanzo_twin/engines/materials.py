"""Which friction and restitution hold where two materials touch: one rule for all engines, that of PhysX."""

from __future__ import annotations

from hanzo_twin.scene.model import COMBINE_RULES, CombineRule, Material

DEFAULT = Material(path="")
"""Of shapes that have no material."""


def friction_between(first: Material, second: Material) -> float:
    """Coefficient of dynamic friction."""
    rule = _later(first.friction_combine, second.friction_combine)
    return combine(rule, first.dynamic_friction, second.dynamic_friction)


def restitution_between(first: Material, second: Material) -> float:
    """Coefficient of restitution."""
    return combine(_later(first.restitution_combine, second.restitution_combine), first.restitution, second.restitution)


def combine(rule: CombineRule, first: float, second: float) -> float:
    """One number of two, by ``rule``."""
    match rule:
        case "average":
            return (first + second) / 2
        case "min":
            return min(first, second)
        case "multiply":
            return first * second
        case "max":
            return max(first, second)


def _later(first: CombineRule, second: CombineRule) -> CombineRule:
    return max(first, second, key=COMBINE_RULES.index)
