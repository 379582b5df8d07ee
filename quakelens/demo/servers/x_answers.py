"""What the stand-in for X answers where nothing fails, and what that costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from quakelens.demo.servers.local import Reply, Request, json_reply
from quakelens.demo.servers.x_billing import Billing
from quakelens.demo.servers.x_failures import SUSPENDED
from quakelens.demo.servers.x_posts import Posts, StoredPost
from quakelens.demo.servers.x_request import (
    WINDOW,
    iso,
    read_counts,
    read_lookup,
    read_search,
    read_user,
    refused,
    token_after,
)
from quakelens.demo.servers.x_response import Builder, Spelling, missing, page
from quakelens.demo.servers.x_terms import Accepts, Search, Terms

_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_COUNTED_AT_ONCE = timedelta(days=31)  # by the full archive's counts


class Answers:
    """Builds answers.

    Attributes:
        sent_posts: Id of each post that was sent whole, answer by answer.
    """

    def __init__(
        self, posts: Posts, billing: Billing, base_url: str, spelling: Spelling, accepts: Accepts, *,
        fresh: timedelta, reposts_found: bool,
    ) -> None:  # fmt: skip
        self.sent_posts: list[str] = []
        self._posts = posts
        self._billing = billing
        self._base_url = base_url
        self._spelling = spelling
        self._reposts_found = reposts_found
        self._recent = Terms(accepts=accepts, fresh=fresh)
        self._all = Terms(archive=True, max_chars=1024, max_results=500, accepts=accepts, fresh=fresh)

    def search(self, request: Request, now: datetime, archive: bool, fault: str | None, is_sent: bool) -> Reply:
        """A page of recent search or of the full archive."""
        search = read_search(request.query, now, self._all if archive else self._recent)
        self._check_mark(search, now, archive)
        found = list(islice(self._found(search), search.max_results + 1))
        shown, more = found[: search.max_results], len(found) > search.max_results
        if fault == "empty" and search.older_than is None:
            # The page is filled by the part of an index that has nothing; the token leads to the rest.
            token = token_after(search.query, search.end, "0")
            return json_reply(200, {"meta": {"result_count": 0, "next_token": token}})
        body = page(Builder(self._posts, search.lists, self._base_url, self._spelling), search, shown, more)
        if fault == "partial":
            body.setdefault("errors", []).append(SUSPENDED)
        self._bill(body, now, is_sent)
        return json_reply(200, body)

    def count(self, request: Request, now: datetime, archive: bool) -> Reply:
        """The number of posts by minute, hour or day, the oldest first."""
        search = read_counts(request.query, now, self._all if archive else self._recent)
        self._check_mark(search, now, archive)
        step = _STEPS[search.granularity]
        end = min(search.end, search.older_than[0]) if search.older_than else search.end
        start = search.start
        meta: dict[str, Any] = {}
        if archive and end - start > _COUNTED_AT_ONCE:
            start = end - _COUNTED_AT_ONCE
            meta["next_token"] = token_after(search.query, start, "0")
        times = sorted(post.created_at for post in self._found(search) if start <= post.created_at < end)
        buckets = []
        position, at = 0, start
        while at < end:
            until = min(end, _floor(at, step) + step)
            here = position
            while position < len(times) and times[position] < until:
                position += 1
            buckets.append({"start": _precise(at), "end": _precise(until), f"{self._spelling}_count": position - here})
            at = until
        meta[f"total_{self._spelling}_count"] = len(times)
        self._billing.charge(now, counts=1)
        return json_reply(200, {"data": buckets, "meta": meta})

    def lookup(self, request: Request, now: datetime, is_sent: bool) -> Reply:
        """Posts by id; those that are gone are among `errors`."""
        ids, lists = read_lookup(request.query, self._recent)
        builder = Builder(self._posts, lists, self._base_url, self._spelling)
        data, errors, found = [], [], []
        for number in ids:
            post = self._posts.find(number)
            reason = self._posts.why_gone(post) if post else None
            if post is None or reason not in (None, "scrub_geo", "withheld"):
                errors.append(missing(number, "ids", reason))
                continue
            data.append(builder.post(post, number))
            found.append(post)
        includes, more = builder.includes(found)
        body = {"data": data, "includes": includes, "errors": [*errors, *more]}
        body = {name: value for name, value in body.items() if value}
        self._bill(body, now, is_sent)
        return json_reply(200, body)

    def user(self, request: Request, now: datetime) -> Reply:
        """An author by handle."""
        lists = read_user(request.query, self._recent)
        handle = request.path.rpartition("/")[2]
        number = self._posts.author_id(handle)
        reason = self._posts.gone_authors.get(number) if number else None
        if number is None or reason not in (None, "protected"):
            return json_reply(200, {"errors": [missing(handle, "username", reason, kind="user")]})
        builder = Builder(self._posts, lists, self._base_url, self._spelling)
        body = {"data": builder.user(number, handle)}
        self._billing.charge(now, users=[number])
        return json_reply(200, body)

    def usage(self, now: datetime) -> Reply:
        """Posts that were read, and how many may be."""
        days = [
            {"date": f"{day}T00:00:00.000Z", "usage": str(count)} for day, count in sorted(self._billing.by_day.items())
        ]
        data = {
            "cap_reset_day": 1, "project_cap": str(self._billing.cap), "project_id": "1",
            "project_usage": str(self._billing.posts),
            "daily_project_usage": {"project_id": "1", "usage": days},
        }  # fmt: skip
        return json_reply(200, {"data": data})

    def _found(self, search: Search) -> Any:
        for post in self._posts.newest_first(search.query, search.holds, search.before):
            if search.until_id is not None and int(post.id) >= search.until_id:
                continue
            if post.repost_of is None or self._reposts_found:
                yield post

    def _check_mark(self, search: Search, now: datetime, archive: bool) -> None:
        """Recent search takes no mark of a post that it does not reach any more."""
        mark: StoredPost | None = self._posts.find(str(search.since_id))
        if mark is not None and not archive and mark.created_at < now - WINDOW:
            raise refused(
                "since_id", mark.id, f"'since_id' must be a tweet id created after [{iso(now - WINDOW)}]. Please use a "
                "'since_id' that is larger"
            )  # fmt: skip

    def _bill(self, body: dict[str, Any], now: datetime, is_sent: bool) -> None:
        includes = body.get("includes", {})
        posts = [item["id"] for item in body.get("data", [])]
        along = [item["id"] for item in includes.get(f"{self._spelling}s", [])]
        users = [item["id"] for item in includes.get("users", [])]
        self._billing.charge(now, posts=[*posts, *along], users=users)
        if is_sent:
            self.sent_posts += posts


def _floor(time: datetime, step: timedelta) -> datetime:
    zero = datetime(2000, 1, 1, tzinfo=UTC)
    return time - (time - zero) % step


def _precise(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
