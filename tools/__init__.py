"""What builds the docs; not part of the package."""
