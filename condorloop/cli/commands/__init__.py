"""The commands: each parses, calls one thing and shows its result; no logic."""
