"""A station: Prefect's server, a worker and MLflow's page as processes that are started, watched, stopped together."""
