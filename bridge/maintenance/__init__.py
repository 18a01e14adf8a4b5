"""The care of a whole workspace: backups, and the space that its files take."""
