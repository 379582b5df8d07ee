"""Accounts, posts with pictures, search, deletion: our code against Bluesky's own servers; see check_bluesky_devenv."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image
from sqlalchemy import select

from quakelens.earthquakes import Earthquake
from quakelens.errors import SourceRefused
from quakelens.harvest import fetch_pending, harvest_pages
from quakelens.params import read_params
from quakelens.purge.recheck import recheck
from quakelens.purge.remove import complete, on_gone
from quakelens.settings import Settings, Workspace
from quakelens.sources import Post
from quakelens.sources.bluesky_presence import BlueskyPresence
from quakelens.sources.bluesky_record import Addresses
from quakelens.sources.bluesky_search import BlueskySearchSource
from quakelens.sources.bluesky_session import Session
from quakelens.sources.bluesky_xrpc import Xrpc
from quakelens.sources.jetstream import JetstreamSource
from quakelens.sources.presence import KnownPost
from quakelens.sources.topic import Topic
from quakelens.store import open_store
from quakelens.store.known import Known
from quakelens.store.tables import media, pictures, posts

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")
TOPIC = Topic(words=("earthquake", "deprem"))
MINE, MARKED, HIS, THEIRS = (
    "An earthquake! Our street",
    "After the earthquake",
    "Çarşıda DEPREM oldu",
    "Earthquakes again",
)


@dataclass
class Account:
    """One account of the network."""

    url: str
    did: str
    token: str

    def call(self, method: str, body: dict[str, Any] | bytes | None = None, kind: str = "image/jpeg") -> dict[str, Any]:
        """Have something done."""
        headers = {"Authorization": f"Bearer {self.token}"}
        given: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"content": body}
        if isinstance(body, bytes):
            headers["Content-Type"] = kind
        answer = httpx.post(f"{self.url}/xrpc/{method}", headers=headers, timeout=30, trust_env=False, **given)
        assert answer.status_code == 200, f"{method}: {answer.status_code} {answer.text}"
        return dict(answer.json()) if answer.content else {}

    def post(self, text: str, *pictures: bytes, **more: Any) -> str:
        """Post something; returns its AT URI."""
        blobs = [self.call("com.atproto.repo.uploadBlob", each)["blob"] for each in pictures]
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post", "text": text, "langs": ["en"], **more,
            "createdAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        if blobs:
            images = [{"alt": "a house", "image": blob} for blob in blobs]
            record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        values = {"repo": self.did, "collection": "app.bsky.feed.post", "record": record}
        return str(self.call("com.atproto.repo.createRecord", values)["uri"])

    def delete(self, uri: str) -> None:
        """Delete a post."""
        values = {"repo": self.did, "collection": "app.bsky.feed.post", "rkey": uri.rpartition("/")[2]}
        self.call("com.atproto.repo.deleteRecord", values)


def join(url: str, name: str) -> Account:
    """Make an account."""
    body = {"handle": f"{name}.test", "email": f"{name}@example.com", "password": f"{name}-password"}
    answer = httpx.post(f"{url}/xrpc/com.atproto.server.createAccount", json=body, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    return Account(url, answer.json()["did"], answer.json()["accessJwt"])


def picture(shade: int) -> bytes:
    """A JPEG."""
    out = io.BytesIO()
    image = Image.effect_noise((320, 240), shade).convert("RGB")
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def say(what: str) -> None:
    """Tell what was seen to hold."""
    print(f"ok  {what}", flush=True)


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """The AppView follows its PDS with a delay."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)


class Check:
    """One run through everything."""

    def __init__(self, pds: str, appview: str, jetstream: str, folder: Path) -> None:
        self.pds, self.appview, self.jetstream, self.folder = pds, appview, jetstream, folder
        self.began = datetime.now(UTC)
        self.addresses = Addresses(cdn=appview, video=appview)
        self.store = open_store(f"sqlite:///{folder / 'data' / 'store.db'}")
        self.earthquake = Earthquake(
            id="us7000test", ids=("us7000test",), origin_time=self.began - timedelta(minutes=1), latitude=37.2,
            longitude=37.0, depth_km=10.0, magnitude=6.8, magnitude_type="mww", place="somewhere", alert=None, mmi=None,
            updated=self.began, url=None,
        )  # fmt: skip
        self.alice, self.bob, self.carol, self.dave = (join(pds, name) for name in ("alice", "bob", "carol", "dave"))
        # This AppView's search heeds case.
        self.mine = self.alice.post(MINE, picture(40), picture(90))
        labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "graphic-media"}]}
        self.marked = self.alice.post(MARKED, picture(120), labels=labels)
        self.his = self.bob.post(HIS, picture(60))
        self.theirs = self.dave.post(THEIRS, picture(75))
        self.bob.post("an earthquake, without a picture")
        self.bob.post("my cat", picture(30))
        self.wanted = {self.mine, self.marked, self.his, self.theirs}

    def harvest(self) -> int:
        """Read the stream into the store; how many posts are new."""
        known = Known(self.store, "bluesky")
        source = JetstreamSource([self.jetstream], known=known, addresses=self.addresses)
        result = harvest_pages(
            self.store, source, self.earthquake, PARAMS.harvest, Workspace(self.folder).pages, datetime.now(UTC),
            queries=source.queries(TOPIC), on_gone=on_gone(self.store, PARAMS),
        )  # fmt: skip
        assert result.state == "done", result
        return result.new_posts

    def column(self, column: Any) -> set[Any]:
        """What the store has in a column."""
        with self.store.read() as connection:
            return set(connection.scalars(select(column)))

    def stream(self) -> None:
        """Posts and pictures."""
        wait_for("the firehose", lambda: self.harvest() >= 0 and self.column(posts.c.id) == self.wanted)
        say("the stream brought the 4 posts that matter of 6, from the PDS's firehose")
        with self.store.read() as connection:
            sensitive = dict(connection.execute(select(posts.c.id, posts.c.sensitive)).all())
        assert sensitive == {uri: uri == self.marked for uri in self.wanted}
        say("the author's own label marks a post as sensitive")
        allow = frozenset({urlsplit(self.appview).netloc})

        def fetched() -> int:
            return fetch_pending(self.store, "us7000test", Workspace(self.folder).media, PARAMS, allow=allow).fetched

        wait_for("the AppView's pictures", lambda: fetched() == 5)
        assert self.column(pictures.c.format) == {"JPEG"}
        say("five pictures came through the guard from the AppView's CDN, as JPEG")

    def search(self) -> None:
        """The same posts, by a login."""
        password = self.carol.call("com.atproto.server.createAppPassword", {"name": "quakelens"})["password"]
        file = Workspace(self.folder).cache / "session.json"
        session = Session(Xrpc(self.pds, "SERVICE"), "carol.test", password, file)
        source = BlueskySearchSource(session, addresses=self.addresses)

        def found() -> dict[str, Post]:
            page = source.search(
                "earthquake", start_time=self.began - timedelta(minutes=1), end_time=None, since_id=None,
                next_token=None, page_size=50,
            )  # fmt: skip
            return {post.id: post for post in source.parse(page.raw).posts}

        wait_for("the AppView's search", lambda: set(found()) == {self.mine, self.marked})
        post = found()[self.mine]
        assert (post.author, len(post.media), post.author_id) == ("alice.test", 2, self.alice.did)
        assert {each.key for each in post.media} <= self.column(media.c.key)
        say("the search finds the same posts and the same pictures as the stream")
        kept = json.loads(file.read_bytes())
        file.write_text(json.dumps({**kept, "access": "not-a-token"}), encoding="utf-8")
        session._access = "not-a-token"
        assert set(found()) == {self.mine, self.marked}
        assert json.loads(file.read_bytes())["refresh"] != kept["refresh"]
        assert file.stat().st_mode & 0o777 == 0o600
        say("a token that the PDS does not take is renewed by the refresh token")
        try:
            Session(Xrpc(self.pds, "SERVICE"), "carol.test", "wrong").get("app.bsky.feed.searchPosts", {"q": "a"})
        except SourceRefused as error:
            say(f"a wrong password: {error}")
        else:
            raise AssertionError("a wrong password was taken")

    def deletions(self) -> None:
        """A deleted post, and accounts that leave: through the stream, by the re-check, and out of every file."""
        presence = BlueskyPresence(Xrpc(self.appview, "APPVIEW"))
        assert not presence.check([KnownPost(uri, None, None, "") for uri in sorted(self.wanted)]).gone
        assert presence.find_author("@alice.test") == self.alice.did
        assert presence.find_author("nobody.test") is None
        say("the AppView knows the posts, alice's handle, and nobody's not")
        assert all(text.encode() in self.everything() for text in (MINE, HIS, THEIRS, MARKED))
        self.alice.delete(self.mine)
        self.dave.call("com.atproto.server.deactivateAccount", {})
        left = {self.marked, self.his}
        wait_for("both in the stream", lambda: self.harvest() == 0 and self.column(posts.c.id) == left)
        say("the stream told of the deleted post and of the account that left, and the store has neither")
        self.bob.call("com.atproto.server.deactivateAccount", {})

        def missed() -> int:
            return recheck(self.store, presence, PARAMS.duplicates, datetime.now(UTC), timedelta(0)).removed

        wait_for("the other account at the AppView", lambda: missed() == 1)
        assert self.column(posts.c.id) == {self.marked}
        say("the re-check missed the other account's post and nothing else")
        done = complete(self.store, Workspace(self.folder), Settings(workspace=self.folder), datetime.now(UTC))
        assert not done.problems, done
        everything = self.everything()
        assert MARKED.encode() in everything
        assert not any(text.encode() in everything for text in (MINE, HIS, THEIRS))
        assert len([path for path in (self.folder / "data" / "media").rglob("*") if path.is_file()]) == 1
        say(f"no word and no picture of them is left: {done.pages} pages changed, {done.files} files went")

    def everything(self) -> bytes:
        """All files of the workspace; archived pages unpacked."""
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return b"".join(
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in found
        )


def main() -> None:
    """Start the network and check."""
    begun = time.monotonic()
    network = subprocess.Popen(["node", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert network.stdout is not None
    assert network.stdin is not None
    try:
        addresses = None
        for line in network.stdout:  # some of its parts talk on stdout
            if line.startswith('{"pds"'):
                addresses = json.loads(line)
                break
        assert addresses is not None, "the network did not start"
        say(f"a network runs after {time.monotonic() - begun:.0f} s: {addresses}")
        with tempfile.TemporaryDirectory() as folder:
            check = Check(**addresses, folder=Path(folder))
            check.stream()
            check.search()
            check.deletions()
            check.store.close()
    finally:
        network.stdin.close()
        try:
            network.wait(20)
        except subprocess.TimeoutExpired:
            network.kill()
    say("all of it")


if __name__ == "__main__":
    main()
