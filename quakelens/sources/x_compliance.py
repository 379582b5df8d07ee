"""Asking X by batch compliance which posts and authors are gone; no post is charged for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import requests

from quakelens.errors import SourceRefused, SourceUnavailable
from quakelens.sources.post import Gone
from quakelens.sources.presence import Checked, KnownPost
from quakelens.sources.x_client import XClient
from quakelens.sources.x_payload import read_body

_POLL_S = 10.0  # 150 requests in 15 minutes are allowed
_MAX_WAIT_S = 900.0
_BATCH = 100_000
_LINE_BYTES = 1_000  # far more than a line of a result has


@dataclass(frozen=True, slots=True)
class _Result:
    """Ids that are gone; `is_whole` is False where a line could not be read."""

    ids: frozenset[str]
    is_whole: bool


class XCompliance:
    """`Presence` by POST /2/compliance/jobs: one job for posts, one for their authors.

    Whatever X lists is gone, a post that only lost its location too: it may not be kept as it was. A withheld post
    is not listed; the look-up tells of those.
    """

    name = "x"
    batch = _BATCH

    def __init__(
        self,
        client: XClient,
        *,
        poll_s: float = _POLL_S,
        max_wait_s: float = _MAX_WAIT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take a client.

        Args:
            client: Reaches X.
            poll_s: Between two questions for a job's status.
            max_wait_s: Longest wait for a job.
            sleep: Waits.
        """
        self._client = client
        self._poll_s = poll_s
        self._max_wait_s = max_wait_s
        self._sleep = sleep
        self._storage = requests.Session()  # without the token: the addresses are signed
        self._storage.trust_env = False

    def most_usd(self, posts: int) -> float:
        """Nothing; see `Presence.most_usd`."""
        return 0.0

    def check(self, posts: Sequence[KnownPost]) -> Checked:
        """Ask about posts; see `Presence.check`."""
        asked = {number: each.id for each in posts for number in (each.id, each.lookup) if number}
        numbers = {number for number in asked if number.isdecimal()}
        if not numbers:
            return Checked(Gone(), frozenset(asked.values()))
        authors = {each.author_id for each in posts if each.author_id and each.author_id.isdecimal()}
        found = self._run("tweets", numbers)
        left = self._run("users", authors) if authors else _Result(frozenset(), is_whole=True)
        gone = {asked[number] for number in found.ids if number in asked}
        gone_authors = left.ids & authors
        is_whole = found.is_whole and left.is_whole
        known = {asked[number] for number in numbers} if is_whole else set()
        by_author = {each.id for each in posts if each.author_id in gone_authors}
        unknown = set(asked.values()) - known - gone - by_author
        return Checked(Gone(frozenset(gone), frozenset(gone_authors)), frozenset(unknown))

    def _run(self, kind: Literal["tweets", "users"], ids: Collection[str]) -> _Result:
        try:
            job = self._job(self._client.ask("create_compliance_job", kind, name="quakelens"))
        except SourceRefused as error:
            raise SourceRefused(f"{error}; or set QUAKELENS_X_RECHECK to lookup, which is paid by the post") from None
        self._transfer("PUT", job, "upload_url", "".join(f"{each}\n" for each in sorted(ids)).encode())
        number = str(job.get("id"))
        waited = 0.0
        while (status := job.get("status")) != "complete":
            if status not in ("created", "in_progress"):
                raise SourceUnavailable(f"X's compliance job {number} ended as {status}: try again")
            if waited >= self._max_wait_s:
                raise SourceUnavailable(
                    f"X's compliance job {number} is not done after {waited:.0f} s: try again later"
                )
            job = self._status(number) or job
            if job.get("status") != "complete":
                self._sleep(self._poll_s)
                waited += self._poll_s
        return _read(self._transfer("GET", job, "download_url", None, len(ids) * _LINE_BYTES + _LINE_BYTES))

    def _status(self, number: str) -> Mapping[str, Any] | None:
        """The job now; None where X does not answer this time."""
        try:
            return self._job(self._client.ask("get_compliance_job", number))
        except SourceUnavailable:
            return None

    def _job(self, raw: bytes) -> Mapping[str, Any]:
        data = read_body(raw).get("data")
        if not isinstance(data, Mapping):
            raise SourceUnavailable("X answered without a compliance job: try again")
        return data

    def _transfer(
        self, method: str, job: Mapping[str, Any], key: str, body: bytes | None, max_bytes: int = 0
    ) -> bytes:  # fmt: skip
        """Send to or fetch from an address that X gave."""
        url = str(job.get(key, ""))
        parts = urlsplit(url)
        # Over plain http only where X itself is, which is a stand-in on this machine.
        if parts.scheme != "https" and (parts.scheme, parts.netloc) != urlsplit(self._client.base_url)[:2]:
            raise SourceUnavailable(
                f"X gave an address for its compliance job that is not https ({url[:60]!r}): try again"
            )
        headers = {"Content-Type": "text/plain"} if body is not None else {}
        timeout_s = self._client.timeout_s
        try:
            with self._storage.request(
                method, url, data=body, headers=headers, timeout=timeout_s, allow_redirects=False, stream=True
            ) as response:  # fmt: skip
                if response.status_code != 200:
                    raise SourceUnavailable(
                        f"the storage of X's compliance job answered {response.status_code}: try again"
                    )
                return _limited(response, max_bytes)
        except requests.RequestException as error:
            raise SourceUnavailable(
                f"the storage of X's compliance job failed ({type(error).__name__}): try again"
            ) from None


def _limited(response: requests.Response, max_bytes: int) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(65_536):
        size += len(part)
        if max_bytes and size > max_bytes:
            raise SourceUnavailable("the result of X's compliance job is larger than it can be: try again")
        parts.append(part)
    return b"".join(parts)


def _read(result: bytes) -> _Result:
    """Lines of JSON, with blank ones between them."""
    ids, is_whole = set(), True
    for line in result.splitlines():
        if not line.strip():
            continue
        try:
            hit = json.loads(line)
        except (ValueError, RecursionError):
            hit = None
        if isinstance(hit, dict) and str(hit.get("id", "")).isdecimal():
            ids.add(str(hit["id"]))
        else:
            is_whole = False
    return _Result(frozenset(ids), is_whole)
