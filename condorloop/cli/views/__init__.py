"""What people see on the terminal: each view lays out data that others made."""
