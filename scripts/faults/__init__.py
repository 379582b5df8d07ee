"""The faults that `scripts/check_faults.py` injects, by what they hit."""
