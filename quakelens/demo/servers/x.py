"""A stand-in for X API v2: searches, counts, look-ups, batch compliance, usage, and the host of its pictures."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from quakelens.demo.servers.faults import Fault, Faults
from quakelens.demo.servers.local import LocalServer, Reply, Request, json_reply
from quakelens.demo.servers.x_answers import Answers
from quakelens.demo.servers.x_billing import PAY_PER_USE, Billing, Tariff
from quakelens.demo.servers.x_compliance import Compliance
from quakelens.demo.servers.x_failures import FAILURES, problem
from quakelens.demo.servers.x_limits import LIMITS, Limit
from quakelens.demo.servers.x_pictures import PictureHost
from quakelens.demo.servers.x_posts import Posts, Reason, StoredPost, read_posts
from quakelens.demo.servers.x_response import Spelling
from quakelens.demo.servers.x_terms import Accepts, BadRequest

Endpoint = Literal["recent", "all", "counts_recent", "counts_all", "lookup", "user", "compliance", "usage"]

_PATHS: dict[str, Endpoint] = {
    "/2/tweets/search/recent": "recent", "/2/tweets/search/all": "all", "/2/tweets/counts/recent": "counts_recent",
    "/2/tweets/counts/all": "counts_all", "/2/tweets": "lookup", "/2/usage/tweets": "usage",
}  # fmt: skip


class XApi(LocalServer):
    """X over posts of a file or of a list; more can be appended while it runs.

    Attributes:
        faults: Failures to come, by number of the search.
        faults_at: Failures to come at other endpoints.
        searches: Parameters of each search, also of those that failed.
        calls: Endpoint and parameters of each request with a token, of whatever kind.
        billed: Id of each post of each answer that was sent whole, in order, repeats too.
        posts: What it knows; `append`, `remove` and `remove_author` change it.
        billing: What X would charge, at its worst: answers that were cut off are charged for too.
        compliance: The batch jobs.
        host: Serves the pictures.
    """

    def __init__(
        self,
        posts: Path | Iterable[StoredPost],
        *,
        token: str,
        now: datetime | Callable[[], datetime],
        images_root: Path,
        faults: Faults | None = None,
        faults_at: Mapping[Endpoint, Faults] | None = None,
        spelling: Spelling = "tweet",
        accepts: Accepts = "both",
        rate_limit: int = LIMITS["recent"],
        rate_limits: Mapping[Endpoint, int] | None = None,
        archive: bool = True,
        reposts_found: bool = False,
        fresh_s: float = 30.0,
        tariff: Tariff = PAY_PER_USE,
        credits_usd: float | None = None,
        spending_limit_usd: float | None = None,
        cap: int = 3_000_000,
    ) -> None:
        """Read the posts and take a port.

        Args:
            posts: JSON lines, see `StoredPost`; or the posts themselves.
            token: The bearer token that is accepted.
            now: The present of the searches, UTC; a function where it moves.
            images_root: What the paths of pictures are relative to.
            faults: Failures by number of the search.
            faults_at: Failures by number of the request at other endpoints.
            spelling: X's old or new words in answers.
            accepts: The words that it takes in parameters.
            rate_limit: Recent searches in 15 minutes.
            rate_limits: Requests in 15 minutes of other endpoints.
            archive: Whether the account has the full archive.
            reposts_found: Whether searches find reposts, as they did until May 2026.
            fresh_s: How far before the present a search ends that gives no end.
            tariff: What is charged.
            credits_usd: What the account can pay; then 402.
            spending_limit_usd: What its owner lets it pay; then 403.
            cap: Posts that it may read; then 429.

        Raises:
            DataError: A line of the file is not a post.
        """
        super().__init__(self._answer)
        self._clock = now if callable(now) else lambda: now
        self.faults = faults or Faults()
        self.faults_at = dict(faults_at or {})
        self.searches: list[dict[str, str]] = []
        self.calls: list[tuple[Endpoint, dict[str, str]]] = []
        self.posts = Posts(read_posts(posts) if isinstance(posts, Path) else posts, images_root)
        self.billing = Billing(tariff, credits_usd=credits_usd, spending_limit_usd=spending_limit_usd, cap=cap)
        self.compliance = Compliance(self.posts, self.url)
        self.host = PictureHost(self.posts.pictures)
        self._answers = Answers(
            self.posts, self.billing, self.url, spelling, accepts,
            fresh=timedelta(seconds=fresh_s), reposts_found=reposts_found,
        )  # fmt: skip
        self._token = token
        self._archive = archive
        limits: dict[str, int] = {**LIMITS, "recent": rate_limit}
        limits |= {str(name): most for name, most in (rate_limits or {}).items()}
        self._limits = {name: Limit(most, 1.0 if name == "all" else 0.0) for name, most in limits.items()}
        self._lock = threading.Lock()

    @property
    def now(self) -> datetime:
        """The present of the searches; set it to let newer posts appear."""
        return self._clock()

    @now.setter
    def now(self, value: datetime) -> None:
        self._clock = lambda: value

    @property
    def requests(self) -> int:
        """Searches so far, failed ones too."""
        return len(self.searches)

    @property
    def billed(self) -> list[str]:
        """Id of each post of each answer that was sent whole, in order, repeats too."""
        return self._answers.sent_posts

    @property
    def billed_usd(self) -> float:
        """What X would charge, US dollars; see `Billing`."""
        return self.billing.usd

    @property
    def pictures_sent(self) -> list[str]:
        """Name of each picture that was asked for and found."""
        return self.host.sent

    def append(self, found: Iterable[StoredPost]) -> None:
        """Add posts while it runs."""
        with self._lock:
            self.posts.append(found)

    def remove(self, *ids: str, reason: Reason = "deleted") -> None:
        """Let posts be gone from now on; the pictures of deleted ones answer 404 unless another post has them."""
        with self._lock:
            for number in ids:
                self.posts.gone[number] = reason
            self._remove_pictures(ids)

    def remove_author(self, author_id: str, reason: Reason = "suspended") -> None:
        """Let an author and all posts be gone from now on; see `remove`."""
        with self._lock:
            self.posts.gone_authors[author_id] = reason
            self._remove_pictures([post.id for post in self.posts.by_id.values() if post.author_id == author_id])

    def _remove_pictures(self, ids: Iterable[str]) -> None:
        touched = {p.name for number in ids if number in self.posts.by_id
                   for p in self.posts.pictures_of(self.posts.by_id[number])}  # fmt: skip
        if not touched:
            return
        for post in self.posts.by_id.values():
            if post.images and self.posts.why_gone(post) in (None, "scrub_geo"):
                touched -= {picture.name for picture in self.posts.pictures_of(post)}
        for name in touched:
            self.host.delete(name)

    def _answer(self, request: Request) -> Reply:
        if self.host.owns(request.path):
            return self.host.answer(request)
        with self._lock:  # one after the other: counters and bills stay in step
            if self.compliance.owns(request.path):
                return self.compliance.answer_storage(request)
            endpoint = _endpoint_of(request)
            if endpoint is None:
                return problem(404, "Not Found Error", f"There is nothing at {request.path}.")
            return self._answer_api(request, endpoint)

    def _answer_api(self, request: Request, endpoint: Endpoint) -> Reply:
        is_search = endpoint in ("recent", "all")
        if is_search:
            self.searches.append(dict(request.query))
        self.calls.append((endpoint, dict(request.query)))
        faults = self.faults if is_search else self.faults_at.get(endpoint)
        fault = faults.take() if faults is not None else None
        refusal = self._refusal(request, endpoint, fault)
        if refusal is not None:
            return refusal
        limit = self._limits[endpoint]
        try:
            return self._whole(request, endpoint, fault, limit.headers)
        except BadRequest as error:
            return json_reply(400, error.body, limit.headers)

    def _refusal(self, request: Request, endpoint: Endpoint, fault: Fault | None) -> Reply | None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            return FAILURES["401"]
        if fault is not None and fault.kind in FAILURES:
            return FAILURES[fault.kind]
        limit = self._limits[endpoint]
        if fault is not None and fault.kind == "429-reset":
            limit.spend(fault.seconds)
        if not limit.take():
            return replace(FAILURES["429"], headers=limit.headers)
        if endpoint in ("all", "counts_all") and not self._archive:
            return FAILURES["403"]
        kind = self.billing.refusal() if endpoint not in ("compliance", "usage") else None
        return FAILURES[kind] if kind is not None else None

    def _whole(self, request: Request, endpoint: Endpoint, fault: Fault | None, headers: dict[str, str]) -> Reply:
        kind = fault.kind if fault else None
        is_sent = kind not in ("cut", "reset")
        match endpoint:
            case "recent" | "all":
                reply = self._answers.search(request, self.now, endpoint == "all", kind, is_sent)
            case "counts_recent" | "counts_all":
                reply = self._answers.count(request, self.now, endpoint == "counts_all")
            case "lookup":
                reply = self._answers.lookup(request, self.now, is_sent)
            case "user":
                reply = self._answers.user(request, self.now)
            case "usage":
                reply = self._answers.usage(self.now)
            case "compliance":
                reply = self.compliance.answer_api(request)
        reply = replace(reply, headers=headers)
        match kind:
            case "cut":
                return replace(reply, cut_after=reply.length // 2)
            case "reset":
                return replace(reply, reset=True)
            case "slow":
                assert fault is not None
                return replace(reply, delay_s=fault.seconds)
        return reply


def _endpoint_of(request: Request) -> Endpoint | None:
    if request.path == "/2/compliance/jobs" or request.path.startswith("/2/compliance/jobs/"):
        return "compliance"
    if request.method != "GET":
        return None
    if request.path.startswith("/2/users/by/username/"):
        return "user"
    return _PATHS.get(request.path)
