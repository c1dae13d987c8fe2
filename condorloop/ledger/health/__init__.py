"""Whether a file is a ledger, whether it is damaged, and whether this SQLite can keep one."""
