"""One step each under Prefect: retries, time limits, artifacts. No logic of its own."""
