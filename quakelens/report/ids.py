"""An earthquake's posts as ids only: what networks allow to be passed on to others."""

from __future__ import annotations

import csv
import io

from sqlalchemy import select

from quakelens.report.text import csv_text
from quakelens.store import Store, earthquakes
from quakelens.store.groups import groups_of
from quakelens.store.scores import group_scores, last_model
from quakelens.store.tables import earthquake_posts

COLUMNS = ("source", "id", "decision", "probability")


def ids_table(store: Store, earthquake_id: str) -> str:
    """A CSV of an earthquake's posts, those of its look-back left out: no text, no author, no link, no picture.

    `decision` and `probability` are what the version that scored last said of the post's picture, the most probable
    one of several; both are empty where none was scored.

    Raises:
        UsageError: The store does not know the earthquake.
    """
    known = earthquakes.get(store, earthquake_id)
    version = last_model(store, known.key)
    scores = {} if version is None else group_scores(store, known.key, version)
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for group in groups_of(store, known.key, known.earthquake.origin_time):
        score = scores.get(group.id)
        if score is None or score.probability is None or score.decision is None:
            continue
        for post in group.posts:
            name = (post.source, post.id)
            best[name] = max(best.get(name, (-1.0, "")), (score.probability, score.decision))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    query = (
        select(earthquake_posts.c.source, earthquake_posts.c.post_id)
        .where(earthquake_posts.c.earthquake == known.key, earthquake_posts.c.lookback.is_(False))
        .order_by(earthquake_posts.c.source, earthquake_posts.c.post_id)
    )
    with store.read() as connection:
        for source, post_id in connection.execute(query):
            found = best.get((source, post_id))
            told = ("", "") if found is None else (found[1], f"{found[0]:.4f}")
            writer.writerow([csv_text(source), csv_text(post_id), *told])
    return out.getvalue()
