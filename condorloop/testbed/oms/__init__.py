"""The stand-in of OMS."""
