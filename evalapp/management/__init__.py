"""The command line: `manage.py help`."""
