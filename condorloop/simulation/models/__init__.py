"""The world that a simulation plays: beams, files, pool, outages."""
