"""condorloop: calibration loops on HTCondor."""

__version__ = "0.1.0"
