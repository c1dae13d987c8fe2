"""DAGs: planned, written, submitted and followed."""
