"""A depot in a bucket of Amazon S3 or of any server that speaks its protocol.

Keys and endpoint come from the variables and files that all programs for S3 use: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, AWS_PROFILE, ~/.aws.

A file is one object, which a server shows whole or not at all, and as it was written last. Nothing is cached here.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from quakelens.errors import StorageError

_CONNECT_S = 10
_READ_S = 60
_TRIES = 5
_CONNECTIONS = 32
_NO_BUCKET = "NoSuchBucket"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Objects of a bucket below a prefix. See `quakelens.depot.depot.Depot`."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def file(self, name: str) -> Object:
        """See `Depot.file`."""
        return Object(self, name)

    def put(self, name: str, content: bytes, *, lasting: bool = False) -> None:
        """See `Depot.put`; an object lasts once the server has it."""
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with self.reached():
            _files().pipe_file(self._key(name), content, ContentType=kind)

    def delete(self, name: str) -> bool:
        """See `Depot.delete`."""
        with self.reached():
            if self._head(name) is None:
                return False
            _files().rm_file(self._key(name))
            return True

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `Depot.names`; a page of 1,000 is asked for at a time."""
        start = f"{self.bucket}/{self.prefix}/"
        folder, _, begin = prefix.rpartition("/")
        with self.reached():
            found = _files().find(f"{start}{folder}".rstrip("/"), prefix=begin)
        # An object may be named as a folder is, which means nothing here.
        return iter(sorted(each[len(start) :] for each in found if each.startswith(f"{start}{prefix}")))

    def folders(self, prefix: str = "") -> list[str]:
        """See `Depot.folders`."""
        with self.reached():
            try:
                found = _files().ls(self._key(prefix).rstrip("/"), detail=True)
            except FileNotFoundError:
                return []
        return sorted(each["name"].rpartition("/")[2] for each in found if each["type"] == "directory")

    def modified(self, name: str) -> float | None:
        """See `Depot.modified`."""
        with self.reached():
            head = self._head(name)
            return None if head is None else float(head["LastModified"].timestamp())

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Say of an error of the server what it means.

        Raises:
            StorageError: The server cannot be reached, or refuses.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except FileNotFoundError as error:
            if not isinstance(error.__cause__, ClientError) or error.__cause__.response["Error"]["Code"] != _NO_BUCKET:
                raise
            raise StorageError(f"there is no bucket {self.bucket}: make it, or set QUAKELENS_FILES_URL anew") from error
        except (BotoCoreError, ClientError, OSError) as error:
            raise StorageError(
                f"{self} cannot be used ({error}): see that the server is up and that AWS_ENDPOINT_URL and the keys "
                "are right, then run this again; it goes on where it was"
            ) from error

    def _head(self, name: str) -> dict[str, Any] | None:
        """What the server tells of an object, by one request; None if it is not there."""
        try:
            found: dict[str, Any] = _files().call_s3("head_object", Bucket=self.bucket, Key=f"{self.prefix}/{name}")
        except FileNotFoundError:
            return None
        return found

    def _key(self, name: str) -> str:
        return f"{self.bucket}/{self.prefix}/{name}"


@dataclass(frozen=True, slots=True)
class Object:
    """One object, there or not. See `quakelens.depot.depot.Filed`."""

    depot: Bucket
    name: str

    def __str__(self) -> str:
        return f"{self.depot}/{self.name}"

    def read_bytes(self) -> bytes:
        """See `Filed.read_bytes`."""
        with self.depot.reached():
            content: bytes = _files().cat_file(self.depot._key(self.name), max_concurrency=1)
        return content

    def exists(self) -> bool:
        """See `Filed.exists`."""
        with self.depot.reached():
            return self.depot._head(self.name) is not None

    def as_uri(self) -> str:
        """See `Filed.as_uri`."""
        return str(self)


@cache
def _files() -> Any:
    import s3fs

    return s3fs.S3FileSystem(
        use_listings_cache=False,  # other machines write too
        config_kwargs={
            "connect_timeout": _CONNECT_S,
            "read_timeout": _READ_S,
            "max_pool_connections": _CONNECTIONS,
            "retries": {"max_attempts": _TRIES, "mode": "standard"},
        },
    )
