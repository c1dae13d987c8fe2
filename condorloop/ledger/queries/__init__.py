"""Questions to the ledger; nothing here writes."""
