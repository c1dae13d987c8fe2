"""Scenarios: what happens when, and the player that makes it happen."""
