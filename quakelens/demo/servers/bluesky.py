"""A stand-in for Bluesky's servers: sessions, search, look-up of posts, handles, and the CDN of its pictures."""

from __future__ import annotations

import io
import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import unquote

from quakelens.demo.servers.bluesky_posts import BadSearch, BlueskyPosts
from quakelens.demo.servers.faults import Fault, Faults
from quakelens.demo.servers.jetstream_events import Event
from quakelens.demo.servers.local import LocalServer, Reply, Request, html_reply, json_reply

_SESSIONS = (30, 300.0)  # of one account, in so many seconds (atproto, createSession.ts)
_REQUESTS = (3000, 300.0)  # from one address (docs.bsky.app, rate limits)


class BlueskyServer(LocalServer):
    """Posts out of the same events that `JetstreamServer` plays.

    Attributes:
        posts: What there is.
        faults: By number of the XRPC request.
        asked: Method of each XRPC request.
        logins: Sessions that were made by password.
        pictures_sent: Content id and content type of each picture that was sent.
        public: Whether search is answered without a login; Bluesky's own is not.
    """

    def __init__(
        self,
        events: Iterable[Event] = (),
        *,
        pictures: Mapping[str, bytes] | None = None,
        handle: str = "quakelens.example",
        password: str = "abcd-efgh-ijkl-mnop",
        faults: Faults | None = None,
        sessions: int = _SESSIONS[0],
        requests: int = _REQUESTS[0],
    ) -> None:
        """Take a port.

        Args:
            events: What happened, in Jetstream's first form.
            pictures: JPEG files by content id.
            handle: The one account that may log in.
            password: Its app password.
            faults: By number of the XRPC request: `503`, `503-html`, `html`, `401`, `403`, `429`, `429-reset`, `cut`,
                `slow`; others count as 503.
            sessions: That may be made in five minutes.
            requests: That may be made in five minutes.
        """
        super().__init__(self._answer)
        self.posts = BlueskyPosts(events)
        self.faults = faults or Faults()
        self.asked: list[str] = []
        self.logins = 0
        self.pictures_sent: list[tuple[str, str]] = []
        self.public = False
        self._pictures = dict(pictures or {})
        self._login = {"identifier": handle, "password": password}
        self._tokens: dict[str, str] = {}  # to what they are for
        self._left = {"session": sessions, "request": requests}
        self._limits = dict(self._left)
        self._reset_at = 0.0
        self._lock = threading.Lock()

    def expire(self, kind: str) -> None:
        """Let all tokens of a kind (`access`, `refresh`) be over."""
        self._tokens = {token: kind_ for token, kind_ in self._tokens.items() if kind_ != kind}

    def _answer(self, request: Request) -> Reply:
        if not request.path.startswith("/xrpc/"):
            return self._picture(request.path)
        method = request.path.removeprefix("/xrpc/")
        with self._lock:
            self.asked.append(method)
            fault = self.faults.take()
            headers = self._count("request")
            if fault is not None and fault.kind not in ("cut", "slow"):
                return _failure(fault)
            if headers is None:
                return _error(429, "RateLimitExceeded", "Rate Limit Exceeded", self._headers("request"))
            reply = self._xrpc(method, request)
        reply = replace(reply, headers={**headers, **reply.headers})
        if fault is not None and fault.kind == "cut":
            return replace(reply, cut_after=reply.length // 2)
        return replace(reply, delay_s=fault.seconds) if fault is not None else reply

    def _xrpc(self, method: str, request: Request) -> Reply:
        answers = {
            "com.atproto.server.createSession": self._create,
            "com.atproto.server.refreshSession": lambda asked: self._refused(asked, "refresh") or self._session(asked),
            "app.bsky.feed.searchPosts": self._search,
            "app.bsky.feed.getPosts": self._look_up,
            "com.atproto.identity.resolveHandle": self._resolve,
        }
        if method not in answers:
            return _error(501, "MethodNotImplemented", "Method Not Implemented")
        return answers[method](request)

    def _create(self, request: Request) -> Reply:
        if request.method != "POST":
            return _error(405, "InvalidRequest", "Incorrect HTTP method (GET) expected POST")
        if self._count("session") is None:
            return _error(429, "RateLimitExceeded", "Rate Limit Exceeded", self._headers("session"))
        if json.loads(request.body or b"{}") != self._login:
            return _error(401, "AuthenticationRequired", "Invalid identifier or password")
        self.logins += 1
        return self._session(request)

    def _session(self, request: Request) -> Reply:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        self._tokens.pop(given, None)  # a refresh token is used once
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._tokens |= {access: "access", refresh: "refresh"}
        handle = self._login["identifier"]
        return json_reply(200, {"did": "did:plc:me", "handle": handle, "accessJwt": access, "refreshJwt": refresh})

    def _refused(self, request: Request, kind: str) -> Reply | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            return _error(401, "AuthMissing", "Authentication Required")
        return None if self._tokens.get(given) == kind else _error(400, "ExpiredToken", "Token has expired")

    def _look_up(self, request: Request) -> Reply:
        uris = [value for name, value in request.query if name == "uris"]
        if not 0 < len(uris) <= 25 or not all(uri.startswith("at://") for uri in uris):
            return _error(400, "InvalidRequest", "Error: uris must not have more than 25 elements")
        return json_reply(200, {"posts": self.posts.views(uris)})

    def _resolve(self, request: Request) -> Reply:
        did = self.posts.did_of(dict(request.query).get("handle", ""))
        return json_reply(200, {"did": did}) if did else _error(400, "InvalidRequest", "Unable to resolve handle")

    def _search(self, request: Request) -> Reply:
        refused = None if self.public else self._refused(request, "access")
        if refused is not None:
            return refused
        try:
            return json_reply(200, self.posts.search(dict(request.query)))
        except BadSearch as error:
            return _error(400, "InvalidRequest", str(error))

    def _count(self, what: str) -> dict[str, str] | None:
        if time.time() >= self._reset_at:
            self._left = dict(self._limits)
            self._reset_at = time.time() + _REQUESTS[1]
        if self._left[what] == 0:
            return None
        self._left[what] -= 1
        return self._headers(what)

    def _headers(self, what: str) -> dict[str, str]:
        return {
            "ratelimit-limit": str(self._limits[what]),
            "ratelimit-remaining": str(self._left[what]),
            "ratelimit-reset": str(int(self._reset_at)),
            "ratelimit-policy": f"{self._limits[what]};w=300",
        }

    def _picture(self, path: str) -> Reply:
        """`/img/feed_fullsize/plain/DID/CID`, as WebP unless `@jpeg` follows; a video's still is JPEG."""
        parts = unquote(path).split("/")
        cid, _, form = parts[-1].partition("@")
        if path.startswith("/watch/") and len(parts) == 5 and parts[-1] == "thumbnail.jpg":
            cid, form = parts[3], "jpeg"
        elif not path.startswith("/img/feed_fullsize/plain/") or form not in ("", "jpeg"):
            return html_reply(404)
        content = self._pictures.get(cid)
        if content is None or not self.posts.shows(cid):
            return Reply(404, b"", content_type="text/plain")
        kind = "image/jpeg" if form else "image/webp"
        self.pictures_sent.append((cid, kind))
        return Reply(200, content if form else _webp(content), content_type=kind)


def _webp(content: bytes) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(content)) as picture:
        picture.save(out, "WEBP")
    return out.getvalue()


def _error(status: int, name: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return json_reply(status, {"error": name, "message": message}, headers)


def _failure(fault: Fault) -> Reply:
    if fault.kind == "429-reset":
        until = {"ratelimit-remaining": "0", "ratelimit-reset": str(int(time.time() + fault.seconds + 1))}
        return _error(429, "RateLimitExceeded", "Rate Limit Exceeded", until)
    return _FAILURES.get(fault.kind) or _error(503, "NotEnoughResources", "Not Enough Resources")


_FAILURES = {
    "html": html_reply(200),
    "503-html": html_reply(503),
    "401": _error(401, "AuthMissing", "Authentication Required"),
    "403": html_reply(403),
    "429": _error(429, "RateLimitExceeded", "Rate Limit Exceeded"),
}
"""Bluesky's own words, or its proxy's page."""
