"""The model registry: versions, the champion among them, and why it became the champion."""
