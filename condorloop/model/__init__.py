"""What condorloop talks about, as plain data; knows nobody else."""
