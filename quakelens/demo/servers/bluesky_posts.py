"""The posts of the stand-in for Bluesky: what events made of them, and what a search finds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from quakelens.demo.servers.jetstream_events import POST, Event

_TERM = re.compile(r'"[^"]+"|\S+')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadSearch(Exception):
    """Parameters that Bluesky refuses, in its words."""


class BlueskyPosts:
    """Posts by AT URI, as the AppView shows them.

    Attributes:
        labels: Of moderators, by URI or DID.
        handles: By DID.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.labels: dict[str, list[str]] = {}
        self.handles: dict[str, str] = {}
        self._views: dict[str, dict[str, Any]] = {}
        self._left: set[str] = set()
        for event in sorted(events, key=lambda each: int(each["time_us"])):
            self.take(event)

    def take(self, event: Event) -> None:
        """Let something happen."""
        did, kind = event["did"], event["kind"]
        if kind == "account":
            (self._left.discard if event["account"]["active"] else self._left.add)(did)
        elif kind == "identity" and "handle" in event["identity"]:
            self.handles[did] = event["identity"]["handle"]
        elif kind == "commit" and event["commit"]["collection"] == POST:
            values = event["commit"]
            uri = f"at://{did}/{POST}/{values['rkey']}"
            if values["operation"] == "delete":
                self._views.pop(uri, None)
                return
            time = _text(_EPOCH + timedelta(microseconds=event["time_us"]))
            before = self._views.get(uri)
            self._views[uri] = {
                "uri": uri, "cid": values["cid"], "record": values["record"],
                "indexedAt": before["indexedAt"] if before else time,
            }  # fmt: skip

    def views(self, uris: Sequence[str]) -> list[dict[str, Any]]:
        """Those of some posts that are there, in Bluesky's order, which is that of the question."""
        found = (self._views.get(uri) for uri in dict.fromkeys(uris))
        return [self._whole(view) for view in found if view is not None and self._is_there(view)]

    def shows(self, cid: str) -> bool:
        """Whether a post that is there carries a file."""
        return any(f'"{cid}"' in json.dumps(view["record"]) for view in self._views.values() if self._is_there(view))

    def did_of(self, handle: str) -> str | None:
        """Who is behind a handle."""
        return next((did for did, name in self.handles.items() if name == handle and did not in self._left), None)

    def search(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Answer `app.bsky.feed.searchPosts`: all words and phrases must be in a post.

        Raises:
            BadSearch: As named.
        """
        if not values.get("q"):
            raise BadSearch('Error: Params must have the property "q"')
        limit = values.get("limit", "25")
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            raise BadSearch("Error: limit can not be greater than 100")
        if values.get("sort", "latest") not in ("latest", "top"):
            raise BadSearch("Error: sort must be one of latest, top")
        since, until = (_time(values.get(name), name) for name in ("since", "until"))
        terms = [term.strip('"').casefold() for term in _TERM.findall(values["q"])]
        found = [
            view
            for view in self._views.values()
            if self._is_there(view)
            and all(term in view["record"]["text"].casefold() for term in terms)
            and (since is None or datetime.fromisoformat(view["indexedAt"]) >= since)
            and (until is None or datetime.fromisoformat(view["indexedAt"]) < until)
        ]
        found.sort(key=lambda view: str(view["indexedAt"]), reverse=True)
        start = int(values.get("cursor", "0"))
        shown = found[start : start + int(limit)]
        body: dict[str, Any] = {"posts": [self._whole(view) for view in shown], "hitsTotal": len(found)}
        if start + len(shown) < len(found):
            body["cursor"] = str(start + len(shown))
        return body

    def _is_there(self, view: Mapping[str, Any]) -> bool:
        return str(view["uri"]).split("/")[2] not in self._left

    def _whole(self, view: Mapping[str, Any]) -> dict[str, Any]:
        did = str(view["uri"]).split("/")[2]
        author = {"did": did, "handle": self.handles.get(did, "handle.invalid"), "labels": self._labels(did)}
        return {**view, "author": author, "labels": self._labels(str(view["uri"])), "likeCount": 0}

    def _labels(self, subject: str) -> list[dict[str, str]]:
        return [{"src": "did:plc:moderation", "uri": subject, "val": label} for label in self.labels.get(subject, [])]


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(value: str | None, name: str) -> datetime | None:
    try:
        return None if value is None else datetime.fromisoformat(value)
    except ValueError:
        raise BadSearch(f"Error: {name} must be a datetime") from None
