"""X's batch compliance: ids are uploaded, and those of posts or users that are gone come back."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from quakelens.demo.servers.local import Reply, Request, html_reply, json_reply
from quakelens.demo.servers.x_failures import problem
from quakelens.demo.servers.x_posts import Posts
from quakelens.demo.servers.x_request import refused

Ending = Literal["complete", "failed", "expired"]

_JOBS = "/2/compliance/jobs"
_UPLOAD_EXPIRES = timedelta(minutes=15)
_DOWNLOAD_EXPIRES = timedelta(days=7)


@dataclass(slots=True)
class _Job:
    id: str
    type: str
    name: str | None
    created_at: datetime
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    status: str = "created"
    ids: list[str] | None = None
    polls_left: int = 0


class Compliance:
    """The jobs. Uploads and downloads go to addresses that are signed and take no token.

    Attributes:
        polls: How many questions for the status an uploaded job answers with `in_progress`.
        ending: How the next jobs end.
        uploads: The ids of each upload.
    """

    def __init__(self, posts: Posts, base_url: str) -> None:
        self.polls = 1
        self.ending: Ending = "complete"
        self.uploads: list[list[str]] = []
        self._posts = posts
        self._base_url = base_url
        self._jobs: dict[str, _Job] = {}

    def owns(self, path: str) -> bool:
        """Whether an address is one of an upload or a download."""
        return path.startswith("/compliance/")

    def answer_api(self, request: Request) -> Reply:
        """Answer `POST /2/compliance/jobs`, and `GET` of it or of one job below it."""
        if request.method == "POST" and request.path == _JOBS:
            return self._create(request)
        if request.method == "GET" and request.path == _JOBS:
            kind = dict(request.query).get("type")
            return json_reply(200, {"data": [self._shown(job) for job in self._jobs.values() if job.type == kind]})
        job = self._jobs.get(request.path.removeprefix(f"{_JOBS}/"))
        if job is None or request.method != "GET":
            return problem(404, "Not Found Error", f"There is no job at {request.path}.")
        self._advance(job)
        return json_reply(200, {"data": self._shown(job)})

    def answer_storage(self, request: Request) -> Reply:
        """Take an upload, or give a result."""
        _, _, action, number = request.path.split("/", 3)
        job = self._jobs.get(number)
        if job is None or dict(request.query).get("sig") != job.secret:
            return html_reply(403)
        if action == "upload" and request.method == "PUT":
            if job.ids is not None or datetime.now(UTC) > job.created_at + _UPLOAD_EXPIRES:
                return html_reply(400)
            lines = request.body.decode("utf-8", "replace").split("\n")
            ids = [line.strip() for line in lines if line.strip()]
            if request.headers.get("content-type") != "text/plain" or not all(re.fullmatch(r"\d+", one) for one in ids):
                return html_reply(400)
            job.ids, job.status, job.polls_left = ids, "in_progress", self.polls
            self.uploads.append(ids)
            return Reply(200, b"")
        if action == "download" and request.method == "GET" and job.status == "complete":
            return Reply(200, self._result(job), content_type="application/octet-stream")
        return html_reply(404)

    def _create(self, request: Request) -> Reply:
        try:
            asked = json.loads(request.body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or asked.get("type") not in ("tweets", "users"):
            error = refused("type", str(asked), "type must be one of [tweets,users]")
            return json_reply(400, error.body)
        number = str(int(time.time() * 1e6) + len(self._jobs))
        self._jobs[number] = job = _Job(number, asked["type"], asked.get("name"), datetime.now(UTC))
        return json_reply(200, {"data": self._shown(job)})

    def _advance(self, job: _Job) -> None:
        if job.status == "created" and datetime.now(UTC) > job.created_at + _UPLOAD_EXPIRES:
            job.status = "expired"
        if job.status == "in_progress":
            if job.polls_left == 0:
                job.status = self.ending
            job.polls_left -= 1

    def _shown(self, job: _Job) -> dict[str, Any]:
        body = {
            "id": job.id, "type": job.type, "status": job.status, "resumable": False,
            "created_at": _time(job.created_at),
            "upload_url": f"{self._base_url}/compliance/upload/{job.id}?sig={job.secret}",
            "upload_expires_at": _time(job.created_at + _UPLOAD_EXPIRES),
            "download_url": f"{self._base_url}/compliance/download/{job.id}?sig={job.secret}",
            "download_expires_at": _time(job.created_at + _DOWNLOAD_EXPIRES),
        }  # fmt: skip
        return body if job.name is None else {**body, "name": job.name}

    def _result(self, job: _Job) -> bytes:
        """Lines of JSON with blank ones between them, of what is gone only."""
        lines = []
        for number in job.ids or ():
            reason: str | None
            if job.type == "users":
                reason = self._posts.gone_authors.get(number)
            else:
                post = self._posts.find(number)
                reason = self._posts.why_gone(post) if post else None
            if reason is None or reason == "withheld":  # batch compliance has no word for it
                continue
            hit = {"id": number, "action": "delete", "created_at": _time(job.created_at), "reason": reason}
            lines.append(json.dumps(hit) + "\n\n")
        return "".join(lines).encode()


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.000Z"
