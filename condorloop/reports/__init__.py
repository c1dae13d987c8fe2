"""How long data took to the database, and where the time went: from the ledger to pages."""
