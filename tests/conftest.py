"""Servers that the tests share, started when the first test asks for them."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from services import S3, PostgreSQL, postgresql_programs, postgresql_server, s3_server
from xdist.scheduler import LoadScopeScheduling


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Where several processes share the tests: a file stays in one, and the flows with their one server do."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "flows" if path.startswith("tests/flows/") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByFile(config, log)


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
