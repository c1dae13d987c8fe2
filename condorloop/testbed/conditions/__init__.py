"""The stand-in of the conditions database: its service, its rules, its upload tool."""
