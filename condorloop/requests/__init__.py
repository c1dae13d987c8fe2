"""What a person asks the running submitter for: one module a command, named as the command."""
