"""What DAGMan and HTCondor write about a DAG, read back."""
