"""What DAGs and the manager write down in run directories: one dataclass a kind of file."""
