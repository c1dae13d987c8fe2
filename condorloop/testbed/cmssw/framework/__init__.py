"""The stand-in of the framework: configurations, process, messages, job reports."""
