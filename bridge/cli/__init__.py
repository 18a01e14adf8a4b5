"""The command `runbridge`."""
