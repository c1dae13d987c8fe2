"""The parts of a cycle: each observes or acts, and none decides."""
