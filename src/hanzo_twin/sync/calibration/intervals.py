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

import numpy as np
from scipy.stats import t as student

from hanzo_twin.spatial import FloatArray, IntArray

_SMALLEST = 1e-12


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

    Student's t of as many degrees of freedom as there are blocks beyond the parameters, at least one; the chance of a
    miss is shared by the parameters (Bonferroni).
    """
    freedom = max(1, len(np.unique(blocks)) - parameters)
    return float(student.ppf(1 - (1 - confidence) / (2 * parameters), freedom))


def standard_errors(covariance: FloatArray) -> FloatArray:
    """[P]."""
    errors: FloatArray = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return errors
