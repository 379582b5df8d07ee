"""Judging a model: figures with intervals, calibration, thresholds, plots, and the promotion gate."""
