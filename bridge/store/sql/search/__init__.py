"""Searches in SQL: for runs and for experiments."""
