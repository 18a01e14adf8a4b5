"""The server of the page: a loopback application over the stores of a workspace."""
