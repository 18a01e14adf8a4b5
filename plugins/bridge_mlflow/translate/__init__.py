"""The translation between MLflow's vocabulary and ours: errors, statuses, ids, entities and tags."""
