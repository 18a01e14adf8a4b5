"""The subcommands of `runbridge`: a module for each, with a function `command`."""
