"""A session with Bluesky: made once and kept, as an account may make no more than 300 a day."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quakelens.errors import Busy, SourceUnavailable
from quakelens.locks import exclusive
from quakelens.sources.bluesky_xrpc import TokenExpired, Xrpc


@dataclass(slots=True)
class Session:
    """The tokens of one account, shared by all processes of a workspace through a file.

    Attributes:
        xrpc: The account's server.
        handle: The account.
        password: An app password of it. It is not in `repr`.
        file: Where the tokens are kept, readable by this user only; None: in memory.
    """

    xrpc: Xrpc
    handle: str
    password: str = field(repr=False)
    file: Path | None = None
    _access: str | None = field(default=None, repr=False)
    _refresh: str | None = field(default=None, repr=False)

    def get(self, method: str, parameters: dict[str, Any]) -> bytes:
        """Ask a question as this account; a token that is over is renewed once.

        Raises:
            SourceUnavailable, RateLimited, SourceRefused: As in `Source.search`.
        """
        if self._access is None:
            self._renew(None)
        try:
            return self.xrpc.get(method, parameters, token=self._access)
        except TokenExpired:
            self._renew(self._access)
        try:
            return self.xrpc.get(method, parameters, token=self._access)
        except TokenExpired as error:
            raise SourceUnavailable(f"{error}, and a new one too: try again") from None

    def _renew(self, over: str | None) -> None:
        """Get other tokens than `over`: another process's, by the refresh token, or by the password."""
        try:
            with self._alone():
                self._get_others(over)
        except Busy as error:
            raise SourceUnavailable(str(error)) from None

    def _get_others(self, over: str | None) -> None:
        self._load()
        if self._access is not None and self._access != over:
            return
        if self._refresh is not None:
            try:
                answer = self.xrpc.post("com.atproto.server.refreshSession", None, token=self._refresh)
            except TokenExpired:
                self._refresh = None
            else:
                self._keep(answer)
                return
        login = {"identifier": self.handle, "password": self.password}
        self._keep(self.xrpc.post("com.atproto.server.createSession", login))

    def _keep(self, answer: dict[str, Any]) -> None:
        access, refresh = answer.get("accessJwt"), answer.get("refreshJwt")
        if not isinstance(access, str) or not isinstance(refresh, str):
            raise SourceUnavailable(f"Bluesky at {self.xrpc.url} gave a session without tokens: try again")
        self._access, self._refresh = access, refresh
        if self.file is not None:
            values = {"url": self.xrpc.url, "handle": self.handle, "access": access, "refresh": refresh}
            _write_private(self.file, json.dumps(values).encode())

    def _load(self) -> None:
        try:
            values = json.loads(self.file.read_bytes()) if self.file is not None else None
        except (OSError, ValueError):
            return
        if not isinstance(values, dict) or (values.get("url"), values.get("handle")) != (self.xrpc.url, self.handle):
            return
        if isinstance(values.get("access"), str) and isinstance(values.get("refresh"), str):
            self._access, self._refresh = values["access"], values["refresh"]

    def _alone(self) -> AbstractContextManager[None]:
        if self.file is None:
            return nullcontext()
        return exclusive(self.file.with_name(f"{self.file.name}.lock"), "the session with Bluesky")


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # with mode 0600
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
