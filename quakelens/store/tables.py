"""The tables. Change them only together with a new migration in `migrations/versions/`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from quakelens.store.columns import Bits64, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

earthquakes = Table(
    "earthquakes",
    metadata,
    Column("key", String(200), primary_key=True),  # the first id under which it came; it never changes
    Column("preferred_id", String(200), nullable=False),
    Column("origin_time", Instant, nullable=False, index=True),
    Column("latitude", Float, nullable=False),
    Column("longitude", Float, nullable=False),
    Column("depth_km", Float),
    Column("magnitude", Float),
    Column("magnitude_type", String(20)),
    Column("place", Text),
    Column("alert", String(20)),
    Column("mmi", Float),
    Column("updated", Instant, nullable=False),
    Column("url", Text),
    Column("first_seen", Instant, nullable=False),
    Column("due", Boolean),  # the last decision; None before the first
    Column("reason", Text),
    Column("decided_at", Instant),
    # Two announcements without a common id that a later one joins: the younger row stays for its pages.
    Column("merged_into", String(200), ForeignKey("earthquakes.key")),
    Column("agency", String(20), nullable=False, server_default="usgs"),  # whose announcement the values are from
    Column("detail_url", Text),
)

earthquake_details = Table(
    "earthquake_details",
    metadata,
    Column("earthquake", ForeignKey("earthquakes.key"), primary_key=True),
    Column("fetched_at", Instant, nullable=False),
    Column("detail_updated", Instant, nullable=False),  # of the announcement for which it was fetched
    Column("document", Text, nullable=False),  # JSON
)

earthquake_ids = Table(
    "earthquake_ids",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("earthquake", ForeignKey("earthquakes.key"), nullable=False, index=True),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("earthquake", ForeignKey("earthquakes.key"), nullable=False, index=True),
    Column("state", String(20), nullable=False),  # running, done, failed, lost
    Column("owner", String(64), nullable=False),
    Column("host", String(200), nullable=False),
    Column("process", String(64), nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("message", Text),
    Index(
        "uq_runs_running",
        "earthquake",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

pages = Table(
    "pages",
    metadata,
    Column("path", String(500), primary_key=True),  # below the archive's root, posix
    Column("earthquake", ForeignKey("earthquakes.key"), nullable=False, index=True),
    Column("source", String(50), nullable=False),
    Column("kind", String(20), nullable=False),  # window, lookback
    Column("query", Text, nullable=False),
    Column("fetched_at", Instant, nullable=False),
    Column("posts", Integer, nullable=False),  # as the network counted and billed them
    Column("authors", Integer, nullable=False),
    Column("outside", Integer, nullable=False),  # posts after the window
    Column("problem_count", Integer, nullable=False),
    Column("problems", Text, nullable=False),  # the first of them, a line each
)

charges = Table(
    "charges",
    metadata,
    Column("key", String(500), primary_key=True),  # of a page its path in the archive
    Column("earthquake", ForeignKey("earthquakes.key"), index=True),  # None for what concerns several
    Column("source", String(50), nullable=False),
    Column("what", String(20), nullable=False),  # search, count, lookup
    Column("day", String(10), nullable=False, index=True),  # UTC, as 2026-05-01
    Column("usd", Float, nullable=False),  # the most it can be, until it is settled
    Column("units", Integer, nullable=False),  # posts delivered, or counted
    Column("settled", Boolean, nullable=False),
)

polls = Table(
    "polls",
    metadata,
    Column("earthquake", ForeignKey("earthquakes.key"), primary_key=True),
    Column("source", String(50), primary_key=True),
    Column("polled_at", Instant, nullable=False),
    Column("next_at", Instant),  # None: not by itself any more
    Column("state", String(20), nullable=False),  # done, budget, limited, down, refused
    Column("failures", Integer, nullable=False),  # in a row
    Column("message", Text),
)

posts = Table(
    "posts",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("created_at", Instant, nullable=False, index=True),
    Column("author", String(200)),
    Column("text", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("lang", String(50)),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("place", Text),
    Column("location_kind", String(20)),
    Column("repost_of", String(200)),
    Column("sensitive", Boolean, nullable=False),
    Column("harvested_at", Instant, nullable=False),
    Column("author_id", String(200)),
    Column("lookup", Text),
    Column("checked_at", Instant),  # when the network last said that it is still there
    Index("ix_posts_author_id", "source", "author_id"),
)

removed_authors = Table(
    "removed_authors",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("author_digest", String(64), primary_key=True),  # sha256 of the id: who asked is not to be read here
    Column("removed_at", Instant, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("deleted_at", Instant, nullable=False),
)

removals = Table(
    "removals",
    metadata,
    # What is gone from the store and is to go from the files, see `quakelens.store.todo`; without traces when done.
    Column("kind", String(20), primary_key=True),
    Column("source", String(50), primary_key=True),  # empty where the kind has none
    Column("name", String(500), primary_key=True),
    Column("added_at", Instant, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

earthquake_posts = Table(
    "earthquake_posts",
    metadata,
    Column("earthquake", ForeignKey("earthquakes.key"), primary_key=True),
    Column("source", String(50), primary_key=True),
    Column("post_id", String(200), primary_key=True),
    Column("lookback", Boolean, nullable=False),  # found only by looking at the days before the origin time
    ForeignKeyConstraint(["source", "post_id"], ["posts.source", "posts.id"], ondelete="CASCADE"),
    Index("ix_earthquake_posts_post", "source", "post_id"),
)

pictures = Table(
    "pictures",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # in the order in which they were stored
    Column("path", String(200), nullable=False),  # below the media folder, posix
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String(20), nullable=False),
    Column("fetched_at", Instant, nullable=False),
    Column("phash", Bits64),  # the four are None for a picture that cannot be decoded
    Column("dhash", Bits64),
    Column("phash_mirrored", Bits64),
    Column("detail", Float),
    Column("group_id", String(64), nullable=False, index=True),  # sha256 of a near-duplicate group's first
)

media = Table(
    "media",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("url", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("alt_text", Text),
    Column("status", String(20), nullable=False),  # pending, fetched, failed
    Column("reason", String(50)),
    Column("message", Text),
    Column("final", Boolean, nullable=False),  # a failure that no later try can mend
    Column("tries", Integer, nullable=False),  # runs that tried
    Column("tried_at", Instant),
    Column("sha256", ForeignKey("pictures.sha256"), index=True),
    Index("ix_media_status", "status"),
)

post_media = Table(
    "post_media",
    metadata,
    Column("source", String(50), primary_key=True),
    Column("post_id", String(200), primary_key=True),
    Column("media_key", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    ForeignKeyConstraint(["source", "post_id"], ["posts.source", "posts.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["source", "media_key"], ["media.source", "media.key"], ondelete="CASCADE"),
    Index("ix_post_media_media", "source", "media_key", "post_id"),
)

scores = Table(
    "scores",
    metadata,
    Column("sha256", ForeignKey("pictures.sha256", ondelete="CASCADE"), primary_key=True),
    Column("model", String(100), primary_key=True),  # the version
    Column("probability", Float),
    Column("decision", String(20)),
    Column("heatmap", String(200)),  # below the heat maps' folder, posix
    Column("box_left", Float),
    Column("box_top", Float),
    Column("box_right", Float),
    Column("box_bottom", Float),
    Column("scored_at", Instant, nullable=False),
    Column("error", Text),
)
