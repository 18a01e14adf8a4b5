"""The subcommands of `runbridge`: a module for each, with an object `command`."""
