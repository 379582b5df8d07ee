"""Alembic's environment: numbered steps, forward only."""
