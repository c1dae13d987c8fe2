"""What must be right on a calibration node: a module for each subject, each with its checks."""
