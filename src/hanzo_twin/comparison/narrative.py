"""A comparison in plain sentences."""

from __future__ import annotations

import numpy as np

from hanzo_twin.comparison.differences import times_tolerance
from hanzo_twin.comparison.report import Comparison, EngineReport

_FAR_MORE = 30.0
"""A later difference that exceeds the first by this factor has a cause of its own."""


def paragraphs(found: Comparison) -> list[str]:
    """One paragraph for each engine but the reference: refused, stopped, parted, or agreed."""
    return [_paragraph(found, report) for report in found.engines.values() if report.name != found.reference]


def _paragraph(found: Comparison, report: EngineReport) -> str:
    if report.refused:
        return f"{report.name} refuses the scene: {report.refused}"
    sentences = [_parting(found, report)]
    reference = found.engines[found.reference]
    sentences += [f"{each.name} stopped early: {each.failure}" for each in (reference, report) if each.failure]
    if report.first_divergence is None:
        sentences += report.not_compared
    return " ".join(sentences)


def _parting(found: Comparison, report: EngineReport) -> str:
    parts = report.first_divergence
    if parts is None:
        but = ", but that says little" if report.not_compared else ""
        return (
            f"{report.name} agrees with {found.reference} within the tolerance ({found.tolerance.joint:g} rad or m) "
            f"all the time{but}."
        )
    kind = "joint" if parts.measure == "joint" else "body"
    experiments = "; ".join(f"{each.change}: {_share(each.remaining)}" for each in parts.cause.experiments)
    tried = f" Run again with one thing changed, of the difference is left: {experiments}." if experiments else ""
    return (
        f"{report.name} parts from {found.reference} at {parts.time_s:.4g} s: the {parts.quantity} of {kind} "
        f"'{parts.path}' differs by {parts.size:.3g} {parts.unit} (allowed {parts.tolerance:g}). {parts.cause.text}"
        f"{tried}{_later(found, report)}"
    )


def _later(found: Comparison, report: EngineReport) -> str:
    """Where the difference grows far beyond the first divergence: which tolerance looks there."""
    parts = report.first_divergence
    if report.differences is None or parts is None or parts.cause.kind in ("no_dynamics", "start"):
        return ""
    worst = times_tolerance(report.differences, found.tolerance)
    if worst.max() < _FAR_MORE:
        return ""
    # Between the two, on the scale of a logarithm.
    between = float(f"{worst.max() ** 0.5:.0e}")
    time = report.differences.times[int(np.argmax(worst > between))]
    return (
        f" From {time:.4g} s on they differ far more, up to {worst.max():.0f} times what is allowed: "
        f"a tolerance of {between * found.tolerance.joint:g} tells why."
    )


def _share(fraction: float) -> str:
    return f"{fraction:.0%}" if fraction < 10 else f"{fraction:.0f} times as much"
