"""The stages of dvc.yaml: plain functions from files to files, each run by `quakelens stage NAME`."""
