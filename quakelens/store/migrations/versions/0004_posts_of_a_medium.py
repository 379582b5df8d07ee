"""An index that leads from a medium to its posts without looking at the table."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index cover the post's id: without statistics SQLite would read all links of a network instead."""
    op.drop_index("ix_post_media_media", table_name="post_media")
    op.create_index("ix_post_media_media", "post_media", ["source", "media_key", "post_id"], unique=False)
