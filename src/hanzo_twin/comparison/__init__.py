"""Engines against each other: one scene, one controller, and where and why they part."""

from hanzo_twin.comparison.commands import Commands, read_commands
from hanzo_twin.comparison.compare import compare_engines
from hanzo_twin.comparison.differences import Tolerance
from hanzo_twin.comparison.report import Cause, Comparison, Divergence, EngineReport

__all__ = [
    "Cause",
    "Commands",
    "Comparison",
    "Divergence",
    "EngineReport",
    "Tolerance",
    "compare_engines",
    "read_commands",
]
