"""Confidence intervals that allow for residuals that hang together over time.

Predictions from neighbouring starts share measurements, inputs and model error, so their residuals are far from
independent: the textbook interval is several times too narrow. Here whole blocks of time are the units. With the
Jacobian J and the residuals e of the fit, H = (JᵀJ)⁻¹, and J_b, e_b those of block b,

    cov = H · (Σ_b g_b g_bᵀ) · H        g_b = J_bᵀ (I − J_b H J_bᵀ)^(−1/2) e_b

the cluster-robust ("sandwich") covariance. The factor before e_b undoes that a fit makes the residuals of influential
blocks too small: Bell and McCaffrey, Survey Methodology 28, 169, 2002, estimator CR2; Cameron and Miller, J. Human
Resources 50, 317, 2015.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import t as student

from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.sync.calibration.windows import Windows

_SMALLEST = 1e-12
FEWEST_BLOCKS, BLOCKS_PER_PARAMETER = 12, 3


def time_blocks(windows: Windows, horizon: float, parameters: int) -> IntArray:
    """Number of the block of time in which each window begins [W].

    Windows less than a horizon apart share measurements, so a block is never shorter; two horizons are enough for what
    else hangs together. In between, there are about three blocks for each parameter, and twelve at least.
    """
    spans = [recording.end - recording.start for recording in windows.recordings]
    length = min(max(sum(spans) / max(FEWEST_BLOCKS, BLOCKS_PER_PARAMETER * parameters), horizon), 2 * horizon)
    numbers, offset = np.zeros(len(windows), dtype=np.int64), 0
    for index, (recording, span) in enumerate(zip(windows.recordings, spans, strict=True)):
        mine = windows.recording == index
        count = max(1, round((span - horizon) / length))
        inside = ((windows.starts[mine] - recording.start) / length).astype(np.int64)
        numbers[mine] = offset + np.minimum(inside, count - 1)
        offset += count
    return numbers


def block_covariance(jacobian: FloatArray, residuals: FloatArray, blocks: IntArray) -> FloatArray:
    """Covariance [P, P] of the fitted parameters.

    Args:
        jacobian: [N, P]. residuals: [N]. blocks: number of the block of each residual [N].
    """
    eigenvalues, vectors = np.linalg.eigh(jacobian.T @ jacobian)
    root = vectors / np.sqrt(np.maximum(eigenvalues, _SMALLEST * max(float(eigenvalues[-1]), _SMALLEST)))
    scores = []
    for number in np.unique(blocks):
        mine = blocks == number
        whitened = jacobian[mine] @ root
        # With whitened = U·s·Vᵀ: whitenedᵀ (I − whitened·whitenedᵀ)^(−1/2) e = V (1 − s²)^(−1/2) Vᵀ whitenedᵀ e.
        leverage, basis = np.linalg.eigh(whitened.T @ whitened)
        grown = basis.T @ (whitened.T @ residuals[mine]) / np.sqrt(np.maximum(1.0 - leverage, _SMALLEST))
        scores.append(root @ (basis @ grown))
    changes = np.array(scores)
    covariance: FloatArray = changes.T @ changes
    return covariance


def quantile(blocks: IntArray, parameters: int, confidence: float) -> float:
    """How many standard errors an interval reaches, so that with probability ``confidence`` all of them hold.

    Student's t of as many degrees of freedom as there are blocks G beyond the parameters P, at least one; the chance of
    a miss is shared by the parameters (Bonferroni). Independent blocks would do without the factor √(G / (G − P));
    simulated machines with noisy sensors show that they are not quite independent.
    """
    count = len(np.unique(blocks))
    freedom = max(1, count - parameters)
    reach = float(student.ppf(1 - (1 - confidence) / (2 * parameters), freedom))
    return reach * math.sqrt(count / freedom)


def standard_errors(covariance: FloatArray) -> FloatArray:
    """[P]."""
    errors: FloatArray = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return errors
