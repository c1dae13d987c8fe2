"""What the loop tells: status, problems, metrics, notifications."""
