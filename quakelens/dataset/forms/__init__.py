"""Forms of labelled data that others publish, each turned into the rows of `quakelens.dataset.manifest`."""
