"""The first form: earthquakes, runs, pages, posts, media, pictures and scores.

Two keys of `post_media` once had the same name, which PostgreSQL refuses, so that no store was ever made there; SQLite
does not look at their names. They were named apart here, as no later migration could have been reached.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "earthquakes",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("preferred_id", sa.String(length=200), nullable=False),
        sa.Column("origin_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("depth_km", sa.Float(), nullable=True),
        sa.Column("magnitude", sa.Float(), nullable=True),
        sa.Column("magnitude_type", sa.String(length=20), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("alert", sa.String(length=20), nullable=True),
        sa.Column("mmi", sa.Float(), nullable=True),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["earthquakes.key"], name=op.f("fk_earthquakes_merged_into")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_earthquakes")),
    )
    op.create_index(op.f("ix_earthquakes_origin_time"), "earthquakes", ["origin_time"], unique=False)
    op.create_table(
        "pictures",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phash", sa.BigInteger(), nullable=True),
        sa.Column("dhash", sa.BigInteger(), nullable=True),
        sa.Column("phash_mirrored", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Float(), nullable=True),
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_pictures")),
        sa.UniqueConstraint("number", name=op.f("uq_pictures_number")),
    )
    op.create_index(op.f("ix_pictures_group_id"), "pictures", ["group_id"], unique=False)
    op.create_table(
        "posts",
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(length=50), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("location_kind", sa.String(length=20), nullable=True),
        sa.Column("repost_of", sa.String(length=200), nullable=True),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column("harvested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "id", name=op.f("pk_posts")),
    )
    op.create_index(op.f("ix_posts_created_at"), "posts", ["created_at"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "id", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "earthquake_ids",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("earthquake", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["earthquake"], ["earthquakes.key"], name=op.f("fk_earthquake_ids_earthquake")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earthquake_ids")),
    )
    op.create_index(op.f("ix_earthquake_ids_earthquake"), "earthquake_ids", ["earthquake"], unique=False)
    op.create_table(
        "earthquake_posts",
        sa.Column("earthquake", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("post_id", sa.String(length=200), nullable=False),
        sa.Column("lookback", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["earthquake"], ["earthquakes.key"], name=op.f("fk_earthquake_posts_earthquake")),
        sa.ForeignKeyConstraint(
            ["source", "post_id"],
            ["posts.source", "posts.id"],
            name=op.f("fk_earthquake_posts_source_post_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("earthquake", "source", "post_id", name=op.f("pk_earthquake_posts")),
    )
    op.create_index("ix_earthquake_posts_post", "earthquake_posts", ["source", "post_id"], unique=False)
    op.create_table(
        "media",
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("alt_text", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=50), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("fk_media_sha256")),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_sha256"), "media", ["sha256"], unique=False)
    op.create_table(
        "pages",
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("earthquake", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("authors", sa.Integer(), nullable=False),
        sa.Column("outside", sa.Integer(), nullable=False),
        sa.Column("problem_count", sa.Integer(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["earthquake"], ["earthquakes.key"], name=op.f("fk_pages_earthquake")),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_pages")),
    )
    op.create_index(op.f("ix_pages_earthquake"), "pages", ["earthquake"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("earthquake", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["earthquake"], ["earthquakes.key"], name=op.f("fk_runs_earthquake")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_earthquake"), "runs", ["earthquake"], unique=False)
    op.create_index(
        "uq_runs_running",
        "runs",
        ["earthquake"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "scores",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("decision", sa.String(length=20), nullable=True),
        sa.Column("heatmap", sa.String(length=200), nullable=True),
        sa.Column("box_left", sa.Float(), nullable=True),
        sa.Column("box_top", sa.Float(), nullable=True),
        sa.Column("box_right", sa.Float(), nullable=True),
        sa.Column("box_bottom", sa.Float(), nullable=True),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("fk_scores_sha256"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", "model", name=op.f("pk_scores")),
    )
    op.create_table(
        "post_media",
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("post_id", sa.String(length=200), nullable=False),
        sa.Column("media_key", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source", "media_key"],
            ["media.source", "media.key"],
            name=op.f("fk_post_media_source_media_key"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source", "post_id"],
            ["posts.source", "posts.id"],
            name=op.f("fk_post_media_source_post_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source", "post_id", "media_key", name=op.f("pk_post_media")),
    )
    op.create_index("ix_post_media_media", "post_media", ["source", "media_key"], unique=False)
