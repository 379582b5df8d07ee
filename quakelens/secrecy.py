"""Keeping secrets out of everything that is written: whatever text is to be told goes through `hide`.

A server may repeat the token that it was sent, a library may put a whole address into its message. So no message of
`quakelens.errors` and no line of a log holds a value that was told here, wherever it came from.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

HIDDEN = "***"
_SHORTEST = 4  # a shorter one would blot out ordinary words

_ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": False, "AWS_SESSION_TOKEN": False, "MLFLOW_TRACKING_PASSWORD": False,
    "MLFLOW_TRACKING_TOKEN": False, "PREFECT_API_KEY": False, "PREFECT_API_AUTH_STRING": False,
    "PREFECT_SERVER_API_AUTH_STRING": False, "PREFECT_API_DATABASE_CONNECTION_URL": True,
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": True,
}  # fmt: skip
"""Variables of others whose users run in our processes; whether each is an address that holds a password."""

_SEPARATORS = re.compile(r"[\s,]+")
_QUERY_KEYS = {"password", "sslpassword", "token", "secret"}

_known: set[str] = set()


def remember_all(value: str) -> None:
    """Hide a secret from now on: whole, and each part of a list such as `server=token,server=token`."""
    _keep([value, *(part for entry in _SEPARATORS.split(value) for part in (entry, entry.partition("=")[2]))])
    for entry in _SEPARATORS.split(value):
        remember_address(entry)


def remember_address(url: str) -> None:
    """Hide the passwords of an address from now on; the rest of it may be shown."""
    _keep(_passwords(url))


def hide(text: str) -> str:
    """The text with every secret replaced by `***`."""
    for name, is_address in _ENVIRONMENT.items():
        if value := os.environ.get(name):
            (remember_address if is_address else remember_all)(value)
    for secret in sorted(_known, key=len, reverse=True):  # a whole address before the password in it
        text = text.replace(secret, HIDDEN)
    return text


def _keep(values: Iterable[str]) -> None:
    for value in values:
        _known.update(form for form in (value, quote(value, safe=""), unquote(value)) if len(form) >= _SHORTEST)


def split_login(url: str) -> tuple[str, str | None, str | None]:
    """An address without its login, and the user and the password of that."""
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
    except ValueError:
        return url, None, None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), user and unquote(user), password and unquote(password)


def _passwords(url: str) -> Iterator[str]:
    if "://" not in url:
        return
    _, user, password = split_login(url)
    if password:
        yield password
        yield base64.b64encode(f"{user or ''}:{password}".encode()).decode()  # as HTTP sends it
    with suppress(ValueError):
        yield from (value for key, value in parse_qsl(urlsplit(url).query) if key.lower() in _QUERY_KEYS)
