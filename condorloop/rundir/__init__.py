"""The run directory: its names, its witnesses, how it is written, what it takes of the disk."""
