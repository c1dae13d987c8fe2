"""The stand-in's files."""
