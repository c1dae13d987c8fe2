"""The ledger rebuilt from the run directories."""
