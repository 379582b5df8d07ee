"""Lines of the log: their form, what they are about, and what a stranger's text cannot do to them."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, new_store
from hypothesis import given
from hypothesis import strategies as st

from quakelens import logs
from quakelens.errors import SourceRefused, UsageError
from quakelens.harvest import PagesResult, harvest_at_once
from quakelens.logs import JsonLines, PlainLines
from quakelens.model.starter import starter_folder
from quakelens.registry.lookup import Found
from quakelens.report.apart import report_apart
from quakelens.secrecy import hide, remember_address, remember_all
from quakelens.settings import Settings, Workspace
from quakelens.store import earthquakes
from quakelens.terminal import INDENT, visible

LOG = logging.getLogger("quakelens.tests")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    logger = logging.getLogger(logs.ROOT)
    before = (logger.handlers[:], logger.propagate, logger.level)
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


def read(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAKELENS_LOG", "json")
    logs.speak()


def test_a_line_is_an_object(as_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    with logs.about("us1", "run1"):
        LOG.warning("%s: %d posts", "x", 3)
        with logs.about("us2"):
            LOG.error("x: %s", SourceRefused("no credits"))
    try:
        raise ValueError("a bug")
    except ValueError:
        LOG.exception("not refreshed")
    first, second, third = read(capsys.readouterr().err)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(str(first.pop("time")))) < timedelta(minutes=1)
    assert first == {
        "level": "warning", "logger": "quakelens.tests", "message": "x: 3 posts", "earthquake": "us1", "run": "run1",
        "error": None,
    }  # fmt: skip
    assert (second["earthquake"], second["run"], second["error"]) == ("us2", "run1", "SourceRefused")
    assert (third["earthquake"], third["run"], third["error"]) == (None, None, "ValueError")
    assert "Traceback" in str(third["traceback"])


def test_people_get_the_message_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("QUAKELENS_LOG", raising=False)
    logs.speak()
    logs.speak()  # says nothing twice
    LOG.info("12 posts")
    assert capsys.readouterr().err == "12 posts\n"


hostile = st.text(st.characters(codec=None) | st.sampled_from("\n\r\x1b\x9b\x85\u2028\u202e\x00{}\"'"), max_size=60)


@given(hostile)
def test_no_text_forges_a_line_or_reaches_the_terminal(text: str) -> None:
    record = logging.LogRecord("quakelens.x", logging.INFO, "", 0, "post %s", (text,), None)
    (line,) = JsonLines().format(record).splitlines()
    assert json.loads(line)["logger"] == "quakelens.x"
    plain = PlainLines().format(record)
    assert not any((ord(sign) < 32 and sign not in "\n\t") or 0x7F <= ord(sign) < 0xA0 for sign in plain)
    assert plain.encode()  # no lone surrogates, which a stream would refuse
    assert all(line.startswith(INDENT[1:]) for line in plain.split("\n")[1:])
    assert len(plain.splitlines()) == len(plain.split("\n")) - plain.endswith("\n")


def test_escapes_are_written_out() -> None:
    assert visible("a\x1b[2Jb\x9b1mc\u202ed\re") == "a\\x1b[2Jb\\x9b1mc\\u202ed\\x0de"


def test_threads_of_a_harvest_know_what_they_are_about(as_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    def ask(_: object) -> PagesResult:
        LOG.info("asking")
        raise SourceRefused("no")

    with logs.about("us1", "run1"):
        harvest_at_once({"x": ask}, lambda *_: LOG.info("fetching"), lambda _: LOG.info("scoring"))
    told = read(capsys.readouterr().err)
    assert {line["message"] for line in told} == {"asking", "fetching", "scoring", "x: no"}
    assert {(line["earthquake"], line["run"]) for line in told} == {("us1", "run1")}


def test_what_is_known_later_counts_until_the_block_ends(as_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    with logs.about("file.geojson"):
        logs.now_about("us7")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, LOG.info, "there").result()
    LOG.info("after")
    assert [line["earthquake"] for line in read(capsys.readouterr().err)] == ["us7", None]


def test_the_reports_process_carries_it_too(
    as_json: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import logging, runpy, quakelens.report.current as current\n"
        "true = current.report_on\n"
        "def report_on(*given):\n"
        "    logging.getLogger('quakelens.report').warning('a picture\\nis gone')\n"
        "    return true(*given)\n"
        "current.report_on = report_on\n"
        "runpy.run_module('quakelens.report.apart', run_name='__main__')"
    )
    (tmp_path / "code.py").write_text(code)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{tmp_path / 'code.py'}'\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    with logs.about(EARTHQUAKE.id, "run1"):
        report_apart(store, EARTHQUAKE.id, Found("starter", starter_folder()), Workspace(tmp_path), NOW)
    (line,) = read(capsys.readouterr().err)
    assert line["message"] == "a picture\nis gone"
    assert (line["level"], line["logger"]) == ("warning", "quakelens.report")
    assert (line["earthquake"], line["run"]) == (EARTHQUAKE.id, "run1")


def test_the_programs_own_errors_are_lines_too(tmp_path: Path) -> None:
    def last_words(**more: str) -> str:
        environment = {
            "PATH": "/usr/bin",
            "QUAKELENS_WORKSPACE": str(tmp_path),
            "PYTHONPATH": ":".join(sys.path),
            **more,
        }
        command = [sys.executable, "-m", "quakelens", "export", "us\n1", "--ids"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        return done.stderr

    (line,) = read(last_words(QUAKELENS_LOG="json"))
    assert (line["level"], line["error"]) == ("error", "UsageError")
    assert str(line["message"]).startswith("quakelens: error: ")
    assert last_words().startswith("quakelens: error: ")
    assert "QUAKELENS_LOG" in last_words(QUAKELENS_LOG="xml")


def test_what_is_secret_is_told_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quakelens.secrecy._known", set())  # without what other tests planted
    remember_all("one.example=tok-en1, two.example=tok/en2")
    remember_address("postgresql://me:p%40ssw0rd@db.example/name?sslpassword=another1")
    text = "tok-en1 tok/en2 tok%2Fen2 p%40ssw0rd p@ssw0rd another1 db.example"
    assert hide(text) == "*** *** *** *** *** *** db.example"
    assert str(UsageError("the token tok-en1")) == "the token ***"
    record = logging.LogRecord("quakelens", logging.INFO, "", 0, "%s", ("tok/en2",), None)
    assert "en2" not in JsonLines().format(record) + PlainLines().format(record)


def test_reading_settings_is_enough_to_hide_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws/secret+1")
    Settings(x_bearer_token="bearer-123", tracking_uri="https://me:pass-123@mlflow.example/path")  # type: ignore[arg-type]
    told = str(UsageError("bearer-123 aws/secret+1 https://me:pass-123@mlflow.example/path"))
    assert told == "*** *** https://me:***@mlflow.example/path"
