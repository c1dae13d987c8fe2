"""The ledger: the manager's SQLite file."""
