"""A Bluesky that is made up: what people post around an earthquake, and among it what matters."""

from datetime import timedelta

from harvest_world import ORIGIN

from quakelens.demo.servers.jetstream_events import (
    Event,
    account,
    cid_of,
    commit,
    did_of,
    images,
    post_record,
    tid_of,
)
from quakelens.sources.topic import Topic

NOW = ORIGIN + timedelta(hours=6)
TOPIC = Topic(words=("earthquake", "deprem", "地震"))
UGLY = {"images": 1}


def wanted(number: int, seconds: float, text: str = "Earthquake! The bakery collapsed", **more: object) -> Event:
    """A post with a picture that talks about the earthquake."""
    time = ORIGIN + timedelta(seconds=seconds)
    record = post_record(text, time, embed=images([cid_of(b"%d" % number)], "a wall"), **more)  # type: ignore[arg-type]
    return commit(did_of(f"author{number % 50}"), time, "create", tid_of(time, number), record)


def uri(event: Event) -> str:
    return f"at://{event['did']}/app.bsky.feed.post/{event['commit']['rkey']}"


def deleted(event: Event, seconds: float) -> Event:
    return commit(event["did"], ORIGIN + timedelta(seconds=seconds), "delete", event["commit"]["rkey"])


def left(event: Event, seconds: float, status: str | None = "deleted") -> Event:
    return account(event["did"], ORIGIN + timedelta(seconds=seconds), status)


def others(count: int, *, start: float = 0.0, every: float = 0.2) -> list[Event]:
    """What does not matter: words without pictures, pictures of cats, likes, deletions, accounts."""
    events = []
    for i in range(count):
        time = ORIGIN + timedelta(seconds=start + every * i, microseconds=7)
        did, rkey = did_of(f"stranger{i % 500}"), tid_of(time, i % 1000)
        match i % 8:
            case 0:
                record = post_record(f"my cat number {i}", time, embed=images([cid_of(b"cat%d" % i)]))
                events.append(commit(did, time, "create", rkey, record))
            case 1:
                events.append(commit(did, time, "delete", rkey))
            case 2:
                events.append(account(did, time, "deactivated"))
            case 3:
                subject = {"subject": {"uri": f"at://{did}/app.bsky.feed.post/{rkey}"}}
                events.append(commit(did, time, "create", rkey, subject, "app.bsky.feed.like"))
            case _:
                events.append(commit(did, time, "create", rkey, post_record("an earthquake, they say", time)))
    return events
