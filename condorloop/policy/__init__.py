"""Decisions: pure functions of what is known and the time; no input or output."""
