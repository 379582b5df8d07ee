"""A stand-in for the USGS and the EMSC: their feeds, event services, and the USGS's detail documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from quakelens.demo.servers.faults import Fault, Faults
from quakelens.demo.servers.feed_detail import (
    DETAIL,
    PRODUCTS,
    Products,
    detail_document,
    file_of,
    with_detail_urls,
)
from quakelens.demo.servers.local import LocalServer, Reply, Request, html_reply, json_reply

_EMPTY = b'{"type": "FeatureCollection", "features": []}'


class FeedServer(LocalServer):
    """Serves the USGS's `/feed.geojson`, `/fdsnws/event/1/query?eventid=ID&format=geojson`, and details.

    `/emsc/query?format=json` is the EMSC's event service. Announcements that name a detail name it on this server.

    Attributes:
        faults: Failures by number of the request to the USGS's feed and event service.
        detail_faults: The same for details and what they lead to.
        emsc_faults: The same for the EMSC.
        requests: Requests so far, as `faults` counts them.
        not_modified: How many of them were answered with status 304.
    """

    def __init__(
        self,
        document: Path | bytes,
        *,
        emsc: Path | bytes = _EMPTY,
        products: Mapping[str, Products] | None = None,
        faults: Faults | None = None,
        detail_faults: Faults | None = None,
        emsc_faults: Faults | None = None,
    ) -> None:
        """Take a port.

        Args:
            document: A GeoJSON FeatureCollection in the form of a USGS summary feed.
            emsc: A GeoJSON FeatureCollection in the form of the EMSC.
            products: By id of the earthquake, what its detail holds.
            faults: `503`, `503-html`, `html`, `cut` and `slow` are shown; others count as 503.
            detail_faults: The same.
            emsc_faults: The same.
        """
        super().__init__(self._answer)
        self.faults = faults or Faults()
        self.detail_faults = detail_faults or Faults()
        self.emsc_faults = emsc_faults or Faults()
        self.not_modified = 0
        self._document = b""
        self._emsc = b""
        self._products: Mapping[str, Products] = {}
        self._modified = datetime.now(UTC)
        self.set(document, emsc=emsc, products=products or {})

    @property
    def requests(self) -> int:
        """Requests to the USGS's feed and event service so far, failed ones too."""
        return self.faults.count

    def set(
        self,
        document: Path | bytes,
        *,
        emsc: Path | bytes | None = None,
        products: Mapping[str, Products] | None = None,
    ) -> None:
        """Serve another document from now on; what is None stays."""
        self._document = with_detail_urls(_bytes(document), self.url)
        self._modified = datetime.now(UTC)
        if emsc is not None:
            self._emsc = _bytes(emsc)
        if products is not None:
            self._products = products

    def _answer(self, request: Request) -> Reply:
        document, modified = self._document, self._modified
        if request.path == "/feed.geojson":
            fault = self.faults.take()
            reply = self._feed(request, document, modified)
        elif request.path == "/fdsnws/event/1/query":
            fault = self.faults.take()
            reply = self._event(request, document)
        elif request.path == "/emsc/query":
            fault = self.emsc_faults.take()
            reply = _emsc(request, self._emsc)
        elif request.path.startswith((DETAIL, PRODUCTS)):
            fault = self.detail_faults.take()
            reply = self._detail(request.path, document)
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

    def _event(self, request: Request, document: bytes) -> Reply:
        """One earthquake as a detail document, found by any of its ids."""
        values = dict(request.query)
        if values.get("format") != "geojson" or not values.get("eventid"):
            text = "Error 400: Bad Request\n\nThe stand-in needs eventid, and format=geojson.\n"
            return Reply(400, text.encode(), content_type="text/plain")
        feature = _find(document, values["eventid"])
        if feature is None:
            text = f"Error 404: Not Found\n\nNo event {values['eventid']}.\n"
            return Reply(404, text.encode(), content_type="text/plain")
        return json_reply(200, self._details(feature))

    def _detail(self, path: str, document: bytes) -> Reply:
        if path.startswith(PRODUCTS):
            content = file_of(path, self._products)
            return html_reply(404) if content is None else Reply(200, content)
        feature = _find(document, path.removeprefix(DETAIL).removesuffix(".geojson"))
        return html_reply(404) if feature is None else json_reply(200, self._details(feature))

    def _details(self, feature: Mapping[str, Any]) -> dict[str, Any]:
        code = next((each for each in sorted(_ids(feature)) if each in self._products), str(feature["id"]))
        return detail_document(feature, code, self._products.get(code, {}), self.url)


def _emsc(request: Request, document: bytes) -> Reply:
    """The EMSC's event service: all from a time and a magnitude on, or one by its id; 204 for none."""
    values = dict(request.query)
    if values.get("format") != "json":
        return Reply(400, b"The stand-in knows format=json only", content_type="text/plain")
    features = json.loads(document)["features"]
    if wanted := values.get("eventid"):
        found = [each for each in features if each["id"] == wanted]
        return json_reply(200, found[0]) if found else Reply(204)
    start, least = values.get("starttime", ""), float(values.get("minmagnitude", "-9"))
    shown = [
        each
        for each in features
        if str(each["properties"]["time"]) >= start and (each["properties"].get("mag") or 0.0) >= least
    ]
    if not shown:
        return Reply(204)
    return json_reply(
        200, {"type": "FeatureCollection", "metadata": {"count": len(shown)}, "features": shown}
    )  # fmt: skip


def _find(document: bytes, wanted: str) -> Mapping[str, Any] | None:
    features = json.loads(document).get("features", [])
    return next((feature for feature in features if wanted in _ids(feature)), None)


def _ids(feature: Mapping[str, Any]) -> set[str]:
    listed = str(feature.get("properties", {}).get("ids") or "").split(",")
    return {str(feature.get("id")), *filter(None, listed)}


def _bytes(document: Path | bytes) -> bytes:
    return document if isinstance(document, bytes) else document.read_bytes()


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
