"""Servers that the tests share, started when the first test asks for them."""

import os
from collections.abc import Iterator

import pytest
from services import S3, PostgreSQL, postgresql_programs, postgresql_server, s3_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server; where it is not installed the tests are skipped, on CI they fail."""
    if postgresql_programs() is None and os.environ.get("CI") != "true":
        pytest.skip("PostgreSQL is not installed: `apt-get install postgresql`, or `brew install postgresql`")
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_session() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(s3_session: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """An S3 server that the environment leads to."""
    for name, value in s3_session.environment.items():
        monkeypatch.setenv(name, value)
    return s3_session
