"""The process that runs: signals, locks, logs, time limits, other programs."""
