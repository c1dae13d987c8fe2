"""What the ledger is told, a module a subject; reading is in `condorloop.ledger.queries`."""
