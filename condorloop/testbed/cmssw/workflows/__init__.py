"""The producers of the Prompt Calibration Loop, a table for each part of the detector."""
