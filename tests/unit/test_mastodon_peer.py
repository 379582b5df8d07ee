"""Mastodon.py and the source against mastodon_mock, a server that speaks Mastodon's API."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from drawn import encoded, picture
from harvest_world import EARTHQUAKE, impatient, new_store, params, rows
from mastodon_mock.config import DatabaseConfig, MastodonMockConfig
from mastodon_mock.testing.seed import DEFAULT_TEST_SEED
from mastodon_mock.testing.server import MockServer

from quakelens.harvest import fetch_pending, harvest_pages
from quakelens.harvest.archive import PageArchive
from quakelens.sources import Page
from quakelens.sources.mastodon import MastodonSource
from quakelens.sources.mastodon_presence import MastodonPresence
from quakelens.sources.presence import KnownPost

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    folder = tmp_path_factory.mktemp("mastodon")
    config = MastodonMockConfig(
        database=DatabaseConfig(path=":memory:"), seed=DEFAULT_TEST_SEED, media_storage_path=str(folder)
    )
    with MockServer(config=config) as running:
        yield running


@pytest.fixture
def host(server: MockServer) -> str:
    return f"127.0.0.1:{server.port}"


@pytest.fixture
def source(host: str) -> MastodonSource:
    return MastodonSource([host], allow=frozenset({host}))


def write(server: MockServer, tag: str, count: int, *, pictures: int = 0, **more: Any) -> list[Any]:
    """Posts of alice, the oldest first."""
    client = server.client("alice")
    posts = []
    for number in range(count):
        media = [
            client.media_post(io.BytesIO(encoded(picture(each))), mime_type="image/jpeg", description=f"house {each}")
            for each in range(pictures)
        ]
        posts.append(client.status_post(f"number {number} #{tag} <b>&", media_ids=media or None, **more))
    return posts


def ask(source: MastodonSource, query: str, **more: Any) -> Page:
    wanted = {"start_time": datetime.now(UTC) - HOUR, "end_time": None, "since_id": None, "next_token": None}
    return source.search(query, **{**wanted, "page_size": 40, **more})


def test_posts_with_pictures_come_without_an_account(server: MockServer, source: MastodonSource, host: str) -> None:
    write(server, "deprem", 2, pictures=2, language="tr", sensitive=True, spoiler_text="hurt people")
    page = ask(source, f"{host}#deprem")
    parsed = source.parse(page.raw)
    assert parsed.problems == ()
    newest, oldest = parsed.posts
    assert newest.text == "hurt people\n\nnumber 1 #deprem <b>&"
    assert oldest.text.endswith("number 0 #deprem <b>&")
    assert (newest.source, newest.lang, newest.sensitive) == ("mastodon", "tr", True)
    assert newest.author == f"alice@{host}"
    assert newest.author_id is not None and newest.author_id.endswith("/@alice")
    assert newest.lookup == f"{host}/{page.newest_id}"
    assert newest.id.startswith("http") and newest.id != oldest.id
    assert [(each.kind, each.alt_text) for each in newest.media] == [("photo", "house 0"), ("photo", "house 1")]
    assert len({each.key for post in parsed.posts for each in post.media}) == 4
    assert newest.media[0].width is None  # this server gives no sizes


def test_pages_are_walked_to_the_oldest_post_and_then_only_new_ones_come(
    server: MockServer, source: MastodonSource, host: str
) -> None:
    write(server, "walked", 7)
    pages = [ask(source, f"{host}#walked", page_size=3)]
    while pages[-1].next_token is not None:
        pages.append(ask(source, f"{host}#walked", page_size=3, next_token=pages[-1].next_token))
    found = [post.text.split()[1] for page in pages for post in source.parse(page.raw).posts]
    assert found == ["6", "5", "4", "3", "2", "1", "0"]
    mark = pages[0].newest_id
    empty = ask(source, f"{host}#walked", since_id=mark)
    assert (source.parse(empty.raw).posts, empty.newest_id, empty.next_token) == ((), None, None)
    write(server, "walked", 2)
    newer = ask(source, f"{host}#walked", since_id=mark)
    assert [post.text.split()[1] for post in source.parse(newer.raw).posts] == ["1", "0"]


def test_the_walk_ends_where_posts_are_older_than_the_earthquake(
    server: MockServer, source: MastodonSource, host: str
) -> None:
    write(server, "older", 4)
    page = ask(source, f"{host}#older", page_size=2, start_time=datetime.now(UTC) + HOUR)
    assert len(source.parse(page.raw).posts) == 2 and page.next_token is None


def test_a_harvest_stores_posts_and_pictures_once(
    server: MockServer, source: MastodonSource, host: str, tmp_path: Path
) -> None:
    write(server, "enkaz", 5, pictures=1)
    quake = replace(EARTHQUAKE, origin_time=datetime.now(UTC) - HOUR)
    store, queries = new_store(tmp_path), [f"{host}#enkaz"]

    def harvest() -> int:
        result = harvest_pages(
            store, source, quake, params(page_size=10).harvest, tmp_path / "pages", datetime.now(UTC), queries=queries,
            patience=impatient(),
        )  # fmt: skip
        assert (result.state, result.problems) == ("done", ())
        return result.new_posts

    assert harvest() == 5
    write(server, "enkaz", 3)
    assert (harvest(), harvest()) == (3, 0)
    fetched = fetch_pending(store, quake.id, tmp_path / "media", params(), allow=frozenset({host}))
    assert (fetched.media, fetched.fetched, fetched.near_duplicates) == (5, 5, 4)
    assert len(rows(store, "pictures")["pictures"]) == 1
    archive = PageArchive(tmp_path / "pages", quake.id, "mastodon")
    assert archive.read(archive.paths("window")[0]).raw.startswith(b'{"instance": "127.0.0.1')


def test_a_deleted_post_is_gone_and_the_others_are_there(server: MockServer, source: MastodonSource, host: str) -> None:
    first, _ = write(server, "deleted", 2)
    posts = source.parse(ask(source, f"{host}#deleted").raw).posts
    known = [KnownPost(post.id, post.author_id, post.lookup, post.url) for post in posts]
    presence = MastodonPresence(allow=frozenset({host}))
    assert not presence.check(known).gone
    server.client("alice").status_delete(first)
    checked = presence.check(known)
    assert checked.gone.posts == {posts[1].id} and not checked.unknown and checked.usd == 0
    assert [post.text.split()[1] for post in source.parse(ask(source, f"{host}#deleted").raw).posts] == ["1"]
    other = replace(known[0], id="https://elsewhere.example/1")
    assert presence.check([other]).unknown == {other.id}, "the server gives another post under this id"


def test_a_server_that_closes_its_timelines_refuses(server: MockServer, source: MastodonSource, host: str) -> None:
    from quakelens.errors import RateLimited, SourceRefused, SourceUnavailable

    for status, expected in ((401, SourceRefused), (422, SourceRefused), (503, SourceUnavailable), (429, RateLimited)):
        with server.fault(path="/api/v1/timelines/tag/closed", status=status), pytest.raises(expected, match=host):
            ask(source, f"{host}#closed")
