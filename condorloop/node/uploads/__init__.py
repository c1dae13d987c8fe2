"""The UPLOAD job: whether and where a payload is sent, and what earlier uploads did."""
