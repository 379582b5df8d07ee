"""Which posts and authors the store knows."""

from dataclasses import replace
from pathlib import Path

from harvest_world import EARTHQUAKE, NOW, new_store, post
from sqlalchemy import text

from quakelens.store import earthquakes
from quakelens.store.known import Known
from quakelens.store.posts import PageRow, add_page


def test_posts_and_authors_of_one_network_are_told_from_the_others(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    key = earthquakes.save(store, EARTHQUAKE, NOW)
    found = [replace(post(i, i), source="bluesky") for i in range(700)] + [post(800, 1)]
    page = PageRow(
        path="a", earthquake=key, source="bluesky", kind="window", query="q", fetched_at=NOW, read=0, authors=0,
        outside=0, problems=(),
    )  # fmt: skip
    add_page(store, page, found)
    known = Known(store, "bluesky")
    asked = [f"{i:06d}" for i in range(0, 1400, 2)]
    assert known.posts(asked) == {f"{i:06d}" for i in range(0, 700, 2)}
    assert known.authors(["1", "6", "7", "nobody"]) == {"1", "6"}
    assert known.posts([]) == set()
    with store.read() as connection:
        for column in ("id", "author_id"):
            question = (
                f"EXPLAIN QUERY PLAN SELECT {column} FROM posts WHERE source = 'bluesky' AND {column} IN ('a', 'b')"
            )
            assert "SEARCH" in str(connection.execute(text(question)).all())
