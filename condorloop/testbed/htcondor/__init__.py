"""A real HTCondor pool on this machine."""
