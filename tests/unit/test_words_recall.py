"""How many real posts about earthquakes the queries find, where a corpus of them is at hand."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from earthquake_cases import CASES, at
from harvest_world import params

from quakelens.demo.servers.x_query import Searchable, compile_query
from quakelens.earthquakes import Earthquake
from quakelens.earthquakes.area import shaken_area
from quakelens.earthquakes.topic import topic_of
from quakelens.sources.queries import make_queries

REPLAY = Path(__file__).parents[3] / "shared" / "corpus" / "replay"
WORDS = params().harvest.words

pytestmark = pytest.mark.skipif(not REPLAY.is_dir(), reason="the corpus is not here")


def texts(file: str, key: str, value: str) -> Iterator[str]:
    with (REPLAY / file).open(encoding="utf-8") as lines:
        for line in lines:
            post = json.loads(line)
            if post[key] == value:
                yield re.sub(r"^RT @\w+: ", "", post["text"])


@pytest.mark.parametrize(
    ("file", "key", "value", "earthquake", "least"),
    [
        ("posts.jsonl", "event_tag", "nepal", CASES["Nepal"], 0.95),
        ("crisismmd_earthquakes.jsonl", "event", "2017-mexico", CASES["Mexico"], 0.94),
        ("crisismmd_earthquakes.jsonl", "event", "2017-iran-iraq", at(34.9, 45.96, 7.3, 19), 0.97),
    ],
)
def test_most_posts_are_found_and_few_of_them_twice(
    file: str, key: str, value: str, earthquake: Earthquake, least: float
) -> None:
    topic = topic_of(shaken_area(earthquake, None, WORDS), WORDS)
    queries = [compile_query(query) for query in make_queries(topic, max_chars=512)]
    counts = []
    for text in texts(file, key, value):
        post = Searchable(text, "und", "somebody", None, has_media=True, has_geo=False, is_retweet=False)
        counts.append(sum(query(post) for query in queries))
    assert len(counts) > 500
    assert sum(count > 0 for count in counts) / len(counts) >= least
    assert sum(count > 1 for count in counts) / len(counts) <= 0.01
