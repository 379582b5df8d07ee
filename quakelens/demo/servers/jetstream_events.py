"""Events of a Bluesky that is made up, in the form in which Jetstream gives the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

POST = "app.bsky.feed.post"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TID = "234567abcdefghijklmnopqrstuvwxyz"

Event = dict[str, Any]


def did_of(name: str) -> str:
    """The DID of somebody."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return "did:plc:" + "".join(letters[byte % 32] for byte in hashlib.sha256(name.encode()).digest()[:24])


def cid_of(content: bytes) -> str:
    """A content id of the length and letters of a real one; not a real hash's."""
    return "bafkrei" + "".join(_TID[byte % 32] for byte in hashlib.sha512(content).digest()[:52])


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def tid_of(time: datetime, number: int = 0) -> str:
    """A record key that sorts by time, as Bluesky's do (atproto specs, TID)."""
    value = (micros(time) << 10) | (number & 1023)
    return "".join(_TID[(value >> shift) & 31] for shift in range(60, -1, -5))


def blob(cid: str, *, mime: str = "image/jpeg", bytes_: int = 200_000) -> dict[str, Any]:
    """A reference to an uploaded file."""
    return {"$type": "blob", "ref": {"$link": cid}, "mimeType": mime, "size": bytes_}


def images(cids: Sequence[str], alt: str = "") -> dict[str, Any]:
    """The embed of up to four pictures."""
    ratio = {"height": 3, "width": 4}
    return {
        "$type": "app.bsky.embed.images",
        "images": [{"alt": alt, "aspectRatio": ratio, "image": blob(cid)} for cid in cids],
    }


def post_record(
    text: str, time: datetime, *, embed: Mapping[str, Any] | None = None, langs: Sequence[str] = ("en",), **more: Any
) -> dict[str, Any]:
    """A record of a post."""
    record: dict[str, Any] = {"$type": POST, "createdAt": time.isoformat(), "langs": list(langs), "text": text, **more}
    if embed is not None:
        record["embed"] = dict(embed)
    return record


def commit(
    did: str, time: datetime, operation: str, rkey: str, record: Mapping[str, Any] | None = None,
    collection: str = POST,
) -> Event:  # fmt: skip
    """A record that is made, changed or deleted."""
    values: dict[str, Any] = {
        "rev": tid_of(time), "operation": operation, "collection": collection, "rkey": rkey,
    }  # fmt: skip
    if record is not None:
        values |= {"record": dict(record), "cid": cid_of(repr(record).encode()).replace("bafkrei", "bafyrei")}
    return {"did": did, "time_us": micros(time), "kind": "commit", "commit": values}


def account(did: str, time: datetime, status: str | None) -> Event:
    """An account that is `deleted`, `takendown`, `suspended` or `deactivated`; None: it is active (again)."""
    values: dict[str, Any] = {"active": status is None, "did": did, "seq": 1, "time": time.isoformat()}
    if status is not None:
        values["status"] = status
    return {"did": did, "time_us": micros(time), "kind": "account", "account": values}


def identity(did: str, time: datetime, handle: str | None = None) -> Event:
    """A change of handle or of keys."""
    values: dict[str, Any] = {"did": did, "seq": 1, "time": time.isoformat()}
    if handle is not None:
        values["handle"] = handle
    return {"did": did, "time_us": micros(time), "kind": "identity", "identity": values}


def second_form(event: Mapping[str, Any]) -> Event:
    """An event as `network.bsky.jetstream.subscribeEvents` frames it."""
    kind = event["kind"]
    time = (_EPOCH + timedelta(microseconds=event["time_us"])).isoformat(timespec="microseconds")
    values = dict(event[kind]) if kind == "commit" else {kind: event[kind]}
    payload = {
        "$type": f"network.bsky.jetstream.subscribeEvents#{kind}", **values, "did": event["did"],
        "seq": event["time_us"] // 1000 % 10**12, "time": time, "witnessedAt": time,
    }  # fmt: skip
    head = {key: payload.pop(key) for key in ("$type", "cid", "collection", "did", "operation") if key in payload}
    return {"$type": "message", "payload": head | dict(sorted(payload.items()))}
