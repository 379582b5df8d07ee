"""What Jetstream takes and refuses before it opens a stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Response

FIRST, SECOND = "/subscribe", "/xrpc/network.bsky.jetstream.subscribeEvents"
KINDS = {"commit", "identity", "account", "sync"}
_SEQ_BELOW = 10**15  # cursors below are numbers of events, in the second form


def check(path: str, query: Sequence[tuple[str, str]], cursor: str | None) -> Response | None:
    """Why a stream is not opened, as each form says it; None if it is."""
    if path not in (FIRST, SECOND):
        return refusal(404, "NotFound", "there is no stream")
    if cursor is not None and not cursor.isdigit():
        return refusal(400, "InvalidRequest", f"invalid cursor {cursor!r}")
    if path == FIRST:
        return None
    if any(name.startswith("wanted") for name, _ in query):
        return refusal(400, "InvalidRequest", "wantedCollections is called collections here")
    if not {value for name, value in query if name == "kinds"} <= KINDS:
        return refusal(400, "InvalidRequest", "unknown kind")
    too_old = cursor is not None and int(cursor) < _SEQ_BELOW
    return refusal(400, "CursorTooOld", "cursor is below the floor") if too_old else None


def refusal(status: int, name: str, message: str) -> Response:
    """An answer in place of a stream."""
    body = json.dumps({"error": name, "message": message}).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status, HTTPStatus(status).phrase, headers, body)
