"""Charges and polls; agencies and details of earthquakes; what removal of posts and authors needs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables, columns and indexes; what is there stays as it is."""
    op.add_column("earthquakes", sa.Column("agency", sa.String(length=20), nullable=False, server_default="usgs"))
    op.add_column("earthquakes", sa.Column("detail_url", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("author_id", sa.String(length=200), nullable=True))
    op.add_column("posts", sa.Column("lookup", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_posts_author_id", "posts", ["source", "author_id"], unique=False)
    op.create_index("ix_media_status", "media", ["status"], unique=False)
    op.create_table(
        "earthquake_details",
        sa.Column("earthquake", sa.String(length=200), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail_updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["earthquake"], ["earthquakes.key"], name=op.f("fk_earthquake_details_earthquake")),
        sa.PrimaryKeyConstraint("earthquake", name=op.f("pk_earthquake_details")),
    )
    op.create_table(
        "charges",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("earthquake", sa.String(length=200), nullable=True),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["earthquake"], ["earthquakes.key"], name=op.f("fk_charges_earthquake")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_charges")),
    )
    op.create_index(op.f("ix_charges_earthquake"), "charges", ["earthquake"], unique=False)
    op.create_index(op.f("ix_charges_day"), "charges", ["day"], unique=False)
    op.create_table(
        "polls",
        sa.Column("earthquake", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["earthquake"], ["earthquakes.key"], name=op.f("fk_polls_earthquake")),
        sa.PrimaryKeyConstraint("earthquake", "source", name=op.f("pk_polls")),
    )
    op.create_table(
        "removed_authors",
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("author_digest", sa.String(length=64), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "author_digest", name=op.f("pk_removed_authors")),
    )
