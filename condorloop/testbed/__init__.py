"""The testbed: everything that a calibration node has around it, real wherever it can be."""
