"""A stand-in for the USGS: one summary feed, and the event service for the earthquakes in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from quakelens.demo.servers.faults import Fault, Faults
from quakelens.demo.servers.local import LocalServer, Reply, Request, html_reply


class FeedServer(LocalServer):
    """Serves `/feed.geojson` and `/fdsnws/event/1/query?eventid=ID&format=geojson`.

    Attributes:
        faults: Failures by number of the request, of either address.
        requests: Requests so far.
        not_modified: How many of them were answered with status 304.
    """

    def __init__(self, document: Path | bytes, *, faults: Faults | None = None) -> None:
        """Take a port.

        Args:
            document: A GeoJSON FeatureCollection in the form of a USGS summary feed, served as it is.
            faults: `503`, `503-html`, `html`, `cut` and `slow` are shown; others count as 503.
        """
        super().__init__(self._answer)
        self.faults = faults or Faults()
        self.not_modified = 0
        self._document = b""
        self._modified = datetime.now(UTC)
        self.set(document)

    @property
    def requests(self) -> int:
        """Requests so far, failed ones too."""
        return self.faults.count

    def set(self, document: Path | bytes) -> None:
        """Serve another document from now on."""
        self._document = document if isinstance(document, bytes) else document.read_bytes()
        self._modified = datetime.now(UTC)

    def _answer(self, request: Request) -> Reply:
        fault = self.faults.take()
        document, modified = self._document, self._modified
        if request.path == "/feed.geojson":
            reply = self._feed(request, document, modified)
        elif request.path == "/fdsnws/event/1/query":
            reply = _event(request, document)
        else:
            return html_reply(404)
        return reply if fault is None else _spoil(reply, fault)

    def _feed(self, request: Request, document: bytes, modified: datetime) -> Reply:
        tag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
        stamp = format_datetime(modified, usegmt=True)
        headers = {"ETag": tag, "Last-Modified": stamp, "Cache-Control": "public, max-age=60"}
        # A client that sends the tag is answered by the tag alone (RFC 9110, 13.2.2).
        given = request.headers.get("if-none-match")
        same = tag in given if given else request.headers.get("if-modified-since") == stamp
        if same:
            self.not_modified += 1
            return Reply(304, headers=headers)
        return Reply(200, document, headers=headers)


def _event(request: Request, document: bytes) -> Reply:
    """One earthquake as a GeoJSON Feature, found by any of its ids."""
    values = dict(request.query)
    if values.get("format") != "geojson" or not values.get("eventid"):
        text = "Error 400: Bad Request\n\nThe stand-in needs eventid, and format=geojson.\n"
        return Reply(400, text.encode(), content_type="text/plain")
    for feature in json.loads(document).get("features", []):
        if values["eventid"] in _ids(feature):
            return Reply(200, json.dumps(feature).encode(), content_type="application/json")
    text = f"Error 404: Not Found\n\nNo event {values['eventid']}.\n"
    return Reply(404, text.encode(), content_type="text/plain")


def _ids(feature: dict[str, Any]) -> set[str]:
    listed = str(feature.get("properties", {}).get("ids") or "").split(",")
    return {str(feature.get("id")), *filter(None, listed)}


def _spoil(reply: Reply, fault: Fault) -> Reply:
    match fault.kind:
        case "slow":
            return replace(reply, delay_s=fault.seconds)
        case "cut":
            return replace(reply, cut_after=reply.length // 2)
        case "html":
            return html_reply(200)
        case "503-html":
            return html_reply(503)
        case _:
            return Reply(503, b'{"metadata": {"status": 503}}')
