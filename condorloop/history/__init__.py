"""What became of a campaign, a file or a job, and why: for people who ask."""
