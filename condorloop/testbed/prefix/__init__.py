"""HTCondor and XRootD as a private copy."""
