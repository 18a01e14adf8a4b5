"""MLflow's vocabulary and ours: the only package that uses both. Every other module uses one of them."""
