"""The environment of a demo: flows read their settings from there, and none of a user's may reach them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

PREFIX = "QUAKELENS_"


@contextmanager
def only_these_settings(values: Mapping[str, str]) -> Iterator[None]:
    """For the block, exactly these `QUAKELENS_` variables are set; then the former ones are again.

    A user's store, registry, remote or token must not be found by a demo: it would write drawn pictures there.
    """
    before = _present()
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _present() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


def _set(values: Mapping[str, str]) -> None:
    for name in _present().keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)
