"""Frames of Jetstream, Bluesky's stream of everything that happens, in both forms in which they come.

The first form is `{"did", "time_us", "kind", "commit" | "identity" | "account"}`. The second, of
`network.bsky.jetstream.subscribeEvents`, is `{"$type": "message", "payload": {"$type": "...#commit", ...}}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from quakelens.sources.bluesky_record import COLLECTION

LEFT = frozenset({"deleted", "takendown", "suspended", "deactivated"})
"""Why an account is not active, where its posts must go; `throttled` and `desynchronized` say nothing of them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MalformedFrame(ValueError):
    """What came is no frame; the message says how."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event.

    Attributes:
        kind: `commit`, `identity`, `account`; `info` and `error` are of the stream itself; others are of no use.
        did: Whose event it is.
        time_us: When the stream got it, microseconds since 1970 UTC.
        values: What is within: the commit, the identity, the account, or the notice.
    """

    kind: str
    did: str
    time_us: int
    values: Mapping[str, Any]

    @property
    def time(self) -> datetime:
        """`time_us`, UTC."""
        return time_of(self.time_us)

    @property
    def is_post(self) -> bool:
        """Whether it creates, changes or deletes a post."""
        return self.kind == "commit" and self.values.get("collection") == COLLECTION

    @property
    def operation(self) -> str:
        """Of a commit: `create`, `update` or `delete`."""
        return str(self.values.get("operation"))

    @property
    def left(self) -> bool:
        """Of an account: whether its posts must go."""
        return self.values.get("active") is False and self.values.get("status") in LEFT


def read_frame(data: bytes) -> Frame:
    """Read one frame.

    Raises:
        MalformedFrame: It is not JSON, or no frame of either form.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedFrame(f"it is not JSON ({error})") from None
    if not isinstance(body, Mapping):
        raise MalformedFrame("it is no object")
    if "$type" in body:
        return _second_form(body)
    kind, did, time_us = body.get("kind"), body.get("did"), body.get("time_us")
    if not isinstance(kind, str) or not isinstance(did, str) or not _is_time(time_us):
        raise MalformedFrame("kind, did or time_us is missing")
    return Frame(kind, did, time_us, _values(kind, body))


def time_of(time_us: int) -> datetime:
    """Microseconds since 1970 as a time, UTC."""
    return _EPOCH + timedelta(microseconds=time_us)


def microseconds(time: datetime) -> int:
    """A time as microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def quick_time(data: bytes) -> int | None:
    """When the stream got a frame, read without reading the frame; None if it is not where it should be."""
    start = data.find(b'"time_us":')
    if start >= 0:
        digits = data[start + 10 : start + 26].strip()
        return int(digits) if digits.isdigit() else None
    for key in (b'"witnessedAt":"', b'"time":"'):  # the keys of a payload come after the record
        start = data.rfind(key)
        if start >= 0:
            start += len(key)
            return _time_us(data[start : data.find(b'"', start)].decode("ascii", "replace"))
    return None


def _second_form(body: Mapping[str, Any]) -> Frame:
    if body["$type"] == "error":
        return Frame("error", "", 0, body)
    payload = body.get("payload")
    if body["$type"] != "message" or not isinstance(payload, Mapping):
        raise MalformedFrame(f"its type is {str(body['$type'])[:80]!r}")
    kind = str(payload.get("$type")).rpartition("#")[2]
    if kind == "info":
        return Frame("info", "", 0, payload)
    did = payload.get("did")
    # `time` may be changed by the stream's operator, `witnessedAt` is what cursors mean.
    time_us = _time_us(payload.get("witnessedAt") or payload.get("time"))
    if not isinstance(did, str) or time_us is None:
        raise MalformedFrame("did or time is missing")
    return Frame(kind, did, time_us, payload if kind == "commit" else _values(kind, payload))


def _values(kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    if kind not in ("commit", "identity", "account"):
        return {}
    values = body.get(kind)
    if not isinstance(values, Mapping):
        raise MalformedFrame(f"it says {kind} and holds none")
    return values


def _time_us(value: object) -> int | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return microseconds(time) if time is not None and time.tzinfo is not None else None


def _is_time(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**16
