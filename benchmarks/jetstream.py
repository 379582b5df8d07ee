"""How fast Bluesky's stream is read: frames of everyone's posts, one in a hundred of which matters.

Run `python benchmarks/jetstream.py [FRAMES]`. A host in a process of its own plays them over loopback.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

from quakelens.demo.servers.jetstream import JetstreamServer
from quakelens.demo.servers.jetstream_events import Event, cid_of, commit, did_of, images, post_record, tid_of
from quakelens.sources.jetstream import JetstreamSource
from quakelens.sources.jetstream_reading import Pace
from quakelens.sources.topic import Topic

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
EVERY = timedelta(milliseconds=14)  # about 70 a second, as on the real network
TEXT = "What a day, and it is not over yet. Somebody left the window open again and the cat is on the roof, as ever."


def events(count: int) -> list[Event]:
    """One in four with a picture, one in ten a deletion, one in a hundred about an earthquake."""
    made = []
    for i in range(count):
        at, did = START + EVERY * i, did_of(f"somebody{i % 5000}")
        if i % 10 == 9:
            made.append(commit(did, at, "delete", tid_of(at, i)))
            continue
        embed = images([cid_of(b"%d" % i)], "a roof") if i % 4 == 0 else None
        text = "Earthquake! " + TEXT if i % 100 == 0 else TEXT
        made.append(commit(did, at, "create", tid_of(at, i), post_record(text, at, embed=embed)))
    return made


def play(count: int, ready: Connection) -> None:
    with JetstreamServer(events(count), now=START + EVERY * count + timedelta(minutes=1)) as server:
        ready.send(server.url)
        ready.recv()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    here, there = multiprocessing.get_context("spawn").Pipe()
    host = multiprocessing.get_context("spawn").Process(target=play, args=(count, there))
    host.start()
    url = here.recv()
    now = START + EVERY * count + timedelta(minutes=1)
    source = JetstreamSource([url], pace=Pace(clock=now.timestamp))
    query = source.queries(Topic(words=("earthquake", "deprem", "terremoto", "地震", "زلزال", "building collapsed")))[0]
    begun, used, token, posts, pages = time.perf_counter(), time.process_time(), None, 0, 0
    while True:
        page = source.search(
            query, start_time=START, end_time=None, since_id=None, next_token=token, page_size=100
        )  # fmt: skip
        posts += len(source.parse(page.raw).posts)
        pages += 1
        token = page.next_token
        if token is None:
            break
    took, worked = time.perf_counter() - begun, time.process_time() - used
    here.send(None)
    host.join()
    figures = {
        "frames": count, "posts": posts, "pages": pages, "seconds": round(took, 2),
        "frames_per_second": round(count / took), "frames_per_cpu_second_of_the_reader": round(count / worked),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
