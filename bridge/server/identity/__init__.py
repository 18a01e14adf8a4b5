"""Who sends a request to a server, and what the sender may do: tokens, sessions of browsers, and the audit log."""
