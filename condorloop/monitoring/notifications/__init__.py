"""Messages to people who do not look."""
