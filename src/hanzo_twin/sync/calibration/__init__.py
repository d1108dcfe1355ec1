"""Calibration: fit a twin's parameters to recordings of the machine, and say how far the result can be trusted."""

from hanzo_twin.sync.calibration.calibrate import calibrate
from hanzo_twin.sync.calibration.logs import load_recording
from hanzo_twin.sync.calibration.plan import CalibrationPlan, Progress, ProgressListener
from hanzo_twin.sync.calibration.result import CalibrationResult, ParameterEstimate, PredictionError
from hanzo_twin.sync.calibration.setup import default_parameters
from hanzo_twin.sync.calibration.skill import prediction_error

__all__ = [
    "CalibrationPlan",
    "CalibrationResult",
    "ParameterEstimate",
    "PredictionError",
    "Progress",
    "ProgressListener",
    "calibrate",
    "default_parameters",
    "load_recording",
    "prediction_error",
]
