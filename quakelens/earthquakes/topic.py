"""What people post about one earthquake: its words and towns."""

from __future__ import annotations

import re

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.params import Harvest
from quakelens.sources.topic import Topic

_TOWN = re.compile(r"^(?:[\d.,]+ ?km [NSEW]{1,3} of )?(?P<town>[^,]+), *\S", re.IGNORECASE)


def topic_of(earthquake: Earthquake, params: Harvest) -> Topic:
    """Every word of params.yaml, and the town of the place, such as `26 km ENE of Nurdağı, Turkey`.

    A place without a comma names no town.
    """
    match = _TOWN.match(earthquake.place or "")
    return Topic(
        words=tuple(word for group in params.words.values() for word in group),
        towns=(match["town"],) if match else (),
        languages=tuple(params.words),
    )
