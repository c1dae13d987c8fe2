"""What a job left, as far as it tells how it ended: exit code, report, log, files; no DAG."""
