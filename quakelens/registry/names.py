"""The registry's vocabulary."""

EXPERIMENT = "quakelens"
MODEL = "quakelens"
CHAMPION = "champion"
STARTER = "starter"

BUNDLE_TAG = "bundle"
"""Tag of a version: sha256 of the bundle's model.json, which holds the hashes of all other files."""

DATA_TAG = "data"
"""Tag of a run and of a version: DVC's hash of the labelled data."""

GATE_TAG = "gate"
"""Tag of a version: the gate's decision, as JSON. Decisions before it, by other rules, are `gate-000001` and so on."""

PROMOTION_TAG = "promotion-"
"""Tags of the registered model, numbered from 1: each movement of the alias, as JSON."""

BUNDLE_ARTIFACT = "artifacts/bundle"
"""Where the bundle lies below a version's artifacts."""
