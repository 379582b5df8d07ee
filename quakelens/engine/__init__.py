"""From the bytes of pictures to decisions and heat maps, fast."""

from quakelens.engine.engine import Engine, Verdict

__all__ = ["Engine", "Verdict"]
