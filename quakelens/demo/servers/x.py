"""A stand-in for X API v2: recent search, and the host of its pictures."""

from __future__ import annotations

import hmac
import math
import threading
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from quakelens.demo.servers.faults import Fault, Faults
from quakelens.demo.servers.local import LocalServer, Reply, Request, html_reply, json_reply
from quakelens.demo.servers.x_posts import Posts
from quakelens.demo.servers.x_request import BadRequest, Search, read_search
from quakelens.demo.servers.x_response import Spelling, find, page

_RATE_WINDOW_S = 15 * 60
_SIZES = ("thumb", "small", "medium", "large", "4096x4096", "orig")


class XApi(LocalServer):
    """X's recent search over posts of a file, at a fixed present.

    Attributes:
        now: The present of the searches; move it on to let newer posts appear.
        faults: Failures to come.
        searches: Parameters of each search, also of those that failed.
        billed: Id of each post in a page that was sent whole, in order; X charges for each.
        billed_users: Id of each author that was sent along, page by page; X charges for them too.
        pictures_sent: Name of each picture that was asked for and found.
    """

    def __init__(
        self,
        posts_file: Path,
        *,
        token: str,
        now: datetime,
        images_root: Path,
        faults: Faults | None = None,
        spelling: Spelling = "tweet",
        rate_limit: int = 450,
    ) -> None:
        """Read the posts and take a port.

        Args:
            posts_file: JSON lines; see `StoredPost`.
            token: The bearer token that is accepted.
            now: UTC. Searches reach from 7 days before it to 30 s before it.
            images_root: What the paths of pictures are relative to.
            faults: Failures by number of the search.
            spelling: X's old or new words in payloads; either is accepted in parameters.
            rate_limit: Searches in 15 minutes.

        Raises:
            DataError: A line of the file is not a post.
        """
        super().__init__(self._answer)
        self.now = now
        self.faults = faults or Faults()
        self.searches: list[dict[str, str]] = []
        self.billed: list[str] = []
        self.billed_users: list[str] = []
        self.pictures_sent: list[str] = []
        self._posts = Posts(posts_file, images_root)
        self._token = token
        self._spelling = spelling
        self._limit = rate_limit
        self._remaining = rate_limit
        self._reset_at = 0.0  # real time, as in X's headers
        self._lock = threading.Lock()

    @property
    def requests(self) -> int:
        """Searches so far, failed ones too."""
        return len(self.searches)

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/media/"):
            return self._picture(request)
        if request.path != "/2/tweets/search/recent":
            return _problem(404, "Not Found Error", f"There is nothing at {request.path}.")
        with self._lock:  # one after the other: counters and bills stay in step
            return self._search(request)

    def _search(self, request: Request) -> Reply:
        self.searches.append(dict(request.query))
        fault = self.faults.take()
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            return _FAILURES["401"]
        if fault is not None and fault.kind in _FAILURES:
            return _FAILURES[fault.kind]
        if fault is not None and fault.kind == "429-reset":
            self._remaining = 0
            self._reset_at = math.ceil(time.time() + fault.seconds)
        rate = self._count_rate()
        if rate is None:
            return _problem(429, "Too Many Requests", "Too Many Requests", headers=self._rate_headers())
        try:
            search = read_search(request.query, self.now)
        except BadRequest as error:
            return json_reply(400, error.body, rate)
        return self._found(search, fault, rate)

    def _found(self, search: Search, fault: Fault | None, rate: dict[str, str]) -> Reply:
        kind = fault.kind if fault else None
        found, more = find(self._posts, search)
        body = page(self._posts, search, found, more, self.url, self._spelling)
        if kind == "partial":
            body.setdefault("errors", []).append(_SUSPENDED)
        reply = json_reply(200, body, rate)
        if kind == "cut":  # not billed here; what X does then is not documented
            return replace(reply, cut_after=reply.length // 2)
        self.billed += [post.id for post in found]
        self.billed_users += [user["id"] for user in body.get("includes", {}).get("users", [])]
        return replace(reply, delay_s=fault.seconds) if fault and kind == "slow" else reply

    def _count_rate(self) -> dict[str, str] | None:
        """Count one search; the rate's headers, or None where the rate is spent."""
        if time.time() >= self._reset_at:
            self._remaining = self._limit
            self._reset_at = math.ceil(time.time() + _RATE_WINDOW_S)
        if self._remaining == 0:
            return None
        self._remaining -= 1
        return self._rate_headers()

    def _rate_headers(self) -> dict[str, str]:
        return {
            "x-rate-limit-limit": str(self._limit),
            "x-rate-limit-remaining": str(self._remaining),
            "x-rate-limit-reset": str(int(self._reset_at)),
        }

    def _picture(self, request: Request) -> Reply:
        """Serve `/media/NAME.jpg` and `/media/NAME?format=jpg&name=large`; all sizes are one."""
        values = dict(request.query)
        name, dot, extension = request.path.removeprefix("/media/").partition(".")
        picture = self._posts.pictures.get(name)
        wanted = extension if dot else values.get("format", "")
        known_size = values.get("name", "medium") in _SIZES
        if picture is None or wanted != picture.format or not known_size or not picture.path.is_file():
            return Reply(404, b"", content_type="text/plain")
        self.pictures_sent.append(name)
        kind = {"jpg": "image/jpeg"}.get(picture.format, f"image/{picture.format}")
        return Reply(200, picture.path.read_bytes(), content_type=kind)


_SUSPENDED = {
    "parameter": "entities.mentions.username",
    "resource_id": "somebody",
    "value": "somebody",
    "detail": "User has been suspended: [somebody].",
    "title": "Forbidden",
    "resource_type": "user",
    "type": "https://api.twitter.com/2/problems/resource-not-found",
}


def _problem(
    status: int,
    title: str,
    detail: str,
    *,
    kind: str = "about:blank",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Reply:
    body: dict[str, Any] = {**more, "title": title, "detail": detail, "type": kind}
    if kind == "about:blank":
        body["status"] = status
    return json_reply(status, body, headers)


_PROBLEMS = "https://api.twitter.com/2/problems"
_FAILURES: dict[str, Reply] = {
    "503": _problem(503, "Service Unavailable", "Service Unavailable"),
    "503-html": html_reply(503),
    "html": html_reply(200),
    "401": _problem(401, "Unauthorized", "Unauthorized"),
    "402": _problem(
        402,
        "CreditsDepleted",
        "Your enrolled account [1] does not have any credits to fulfill this request.",
        kind=f"{_PROBLEMS}/credits",
    ),
    "403": _problem(
        403,
        "Client Forbidden",
        "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a "
        "Twitter developer App that is attached to a Project.",
        kind=f"{_PROBLEMS}/client-forbidden",
        client_id="1",
        required_enrollment="Appropriate Level of API Access",
        reason="client-not-enrolled",
    ),
    "429": _problem(429, "Too Many Requests", "Too Many Requests"),
    "usage-cap": _problem(
        429,
        "UsageCapExceeded",
        "Usage cap exceeded: Monthly product cap",
        kind=f"{_PROBLEMS}/usage-capped",
        account_id=1,
        product_name="standard-basic",
        period="Monthly",
        scope="Product",
    ),
}
"""X's own words for the failures that take the place of an answer."""
