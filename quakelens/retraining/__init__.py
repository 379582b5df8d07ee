"""From changed data or parameters to a champion: the steps of the flow `retrain`."""
