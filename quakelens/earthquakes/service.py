"""What the readers of the agencies share: one GET within limits, JSON, and the form of a reading."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from quakelens.earthquakes.earthquake import Earthquake
from quakelens.errors import FeedError

MAX_BYTES = 50_000_000
"""Far above the largest feed, `all_month` of the USGS, of some 10 MB."""

TIMEOUT_S = 20.0
"""Longest silence of a server; its whole answer may take three times as long."""

_AGENT = "quakelens (earthquake damage from posts)"
_KEPT = 4  # answers that are remembered: as many as there are feeds, and some for tests


@dataclass(frozen=True, slots=True)
class Feed:
    """One reading of a feed.

    Attributes:
        earthquakes: In the feed's order; explosions, quarry blasts and deleted events are left out.
        problems: What could not be used, a sentence each.
        generated: When the feed was made, UTC; None where it does not say.
        agencies: Whose feeds these are, where several were read.
    """

    earthquakes: tuple[Earthquake, ...]
    problems: tuple[str, ...]
    generated: datetime | None
    agencies: tuple[str, ...] = ()


class Form(BaseModel):
    """A part of an agency's document; what is not named in it is not read."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    headers: Mapping[str, str]
    content: bytes


_answers: OrderedDict[str, _Kept] = OrderedDict()
_lock = threading.Lock()


def origin(url: str) -> str:
    """Scheme, host and port of an address, such as `https://earthquake.usgs.gov`; empty if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    usual = port in (None, {"http": 80, "https": 443}[parts.scheme])
    return f"{parts.scheme}://{parts.hostname.lower()}" + ("" if usual else f":{port}")


def get(
    url: str,
    query: Mapping[str, str] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    accept: Collection[int] = (200,),
    only: Collection[str] | None = None,
    remember: bool = False,
) -> Answer:
    """Fetch a document.

    Args:
        url: Address; `query` is added to it.
        query: Parameters.
        timeout_s: Longest silence, seconds.
        accept: Statuses that are an answer; every other one is an error.
        only: Origins that may be asked, redirects included; None for any.
        remember: Keep the document, and ask the next time whether it changed (RFC 9110, 13.1).

    Raises:
        FeedError: It cannot be reached, answers another status, or sends too much or too slowly.
    """
    if only is not None:
        _allow(url, only)
    with _lock:
        kept = _answers.get(url) if remember else None

    def check(request: httpx.Request) -> None:
        if only is not None:
            _allow(str(request.url), only)

    headers = {"User-Agent": _AGENT, **(kept.headers if kept else {})}
    until = time.monotonic() + 3 * timeout_s
    try:
        with (
            httpx.Client(
                timeout=timeout_s, headers=headers, follow_redirects=True, event_hooks={"request": [check]}
            ) as client,
            client.stream("GET", url, params=query or None) as response,
        ):
            if kept is not None and response.status_code == 304:
                return Answer(200, kept.content)
            if response.status_code not in accept:
                raise FeedError(f"{url} answered {response.status_code}: try again in a minute")
            content = _read(response, url, until)
            if remember and response.status_code == 200:
                _keep(url, response.headers, content)
            return Answer(response.status_code, content)
    except httpx.HTTPError as error:
        raise FeedError(f"{url} cannot be read ({type(error).__name__}: {error}): try again in a minute") from error
    except httpx.InvalidURL as error:
        raise FeedError(f"{url} is no address: {error}") from error


def read_json(document: bytes, what: str = "the feed") -> Any:
    """Parse JSON.

    Raises:
        FeedError: It is cut off or no JSON; the message names `what`.
    """
    try:
        return json.loads(document)
    except (ValueError, RecursionError) as error:
        start = document[:40].decode("utf-8", "replace").strip()
        looks = "an HTML page" if start.startswith("<") else "cut off or no JSON"
        raise FeedError(f"{what} is {looks} ({len(document)} bytes, {error}): read it again") from error


def read_features(
    features: list[Any], read: Callable[[object], Earthquake | None]
) -> tuple[tuple[Earthquake, ...], tuple[str, ...]]:
    """Read the features of a collection: the earthquakes, and a sentence for each feature that is bad."""
    earthquakes, problems = [], []
    for position, feature in enumerate(features):
        try:
            found = read(feature)
        except (ValidationError, ValueError) as error:
            name = feature.get("id") if isinstance(feature, dict) else None
            problems.append(f"feature {name or position + 1} is passed over: {short(error)}")
        else:
            if found is not None:
                earthquakes.append(found)
    return tuple(earthquakes), tuple(problems)


def short(error: Exception) -> str:
    """What was wrong with a document, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)


def check_place(latitude: float, longitude: float) -> None:
    """Raise ValueError for a place that is not on Earth."""
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError(f"no place on Earth has latitude {latitude} and longitude {longitude}")


def _allow(url: str, only: Collection[str]) -> None:
    if not origin(url) or origin(url) not in only:
        raise FeedError(f"{url} is on another host than the feed: it is not asked for")


def _read(response: httpx.Response, url: str, until: float) -> bytes:
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > MAX_BYTES:
            raise FeedError(f"{url} sent more than {MAX_BYTES:,} bytes: it is no earthquake feed")
        if time.monotonic() > until:
            raise FeedError(f"{url} sends too slowly: try again in a minute")
    return bytes(content)


def _keep(url: str, headers: Mapping[str, str], content: bytes) -> None:
    pairs = {"If-None-Match": headers.get("etag"), "If-Modified-Since": headers.get("last-modified")}
    conditions = {name: value for name, value in pairs.items() if value}
    with _lock:
        _answers.pop(url, None)
        if conditions:
            _answers[url] = _Kept(conditions, content)
            while len(_answers) > _KEPT:
                _answers.popitem(last=False)
