"""Which networks are asked."""

from pathlib import Path

import pytest
from harvest_world import new_store, params
from pydantic import SecretStr

from quakelens.errors import UsageError
from quakelens.settings import Settings
from quakelens.sources.available import chosen, open_source


def test_what_needs_access_is_asked_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUAKELENS_SOURCES", raising=False)
    monkeypatch.delenv("QUAKELENS_X_BEARER_TOKEN", raising=False)
    assert "x" not in chosen(Settings())
    assert "bluesky" in chosen(Settings())
    assert "x" in chosen(Settings(x_bearer_token=SecretStr("token")))
    assert chosen(Settings(sources="x, bluesky")) == ("x", "bluesky")


def test_bluesky_opens_with_its_hosts(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    source = open_source("bluesky", Settings(), params().harvest, store)
    assert source.name == "bluesky"
    assert source.traits.forward
    with pytest.raises(UsageError, match="QUAKELENS_BLUESKY_JETSTREAM_URLS"):
        open_source("bluesky", Settings(bluesky_jetstream_urls=" , "), params().harvest)
    with pytest.raises(UsageError, match="unknown"):
        open_source("myspace", Settings(), params().harvest)


def test_bluesky_is_searched_where_there_is_a_login(tmp_path: Path) -> None:
    login = Settings(
        workspace=tmp_path, sources="", bluesky_handle="@me.example", bluesky_app_password=SecretStr("abcd-efgh")
    )
    assert "bluesky-search" in chosen(login)
    assert "bluesky-search" not in chosen(Settings(sources="", bluesky_handle="", bluesky_app_password=None))
    source = open_source("bluesky-search", login, params().harvest)
    assert not source.traits.forward
    assert "abcd-efgh" not in repr(source)
    assert not list(tmp_path.iterdir())  # nothing is asked or written by opening
    with pytest.raises(UsageError, match="QUAKELENS_BLUESKY_APP_PASSWORD"):
        open_source("bluesky-search", Settings(bluesky_handle="me.example"), params().harvest)
