"""Searches in SQL: for runs and for experiments."""

from bridge.store.sql.search.experiments import search_experiment_ids
from bridge.store.sql.search.runs import search_run_ids, search_run_keys

__all__ = ["search_experiment_ids", "search_run_ids", "search_run_keys"]
