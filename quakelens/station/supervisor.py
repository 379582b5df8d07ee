"""Keeping programs running: started, started again when they die, and stopped with all that they started."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from quakelens.errors import QuakelensError
from quakelens.station.parts import Part

UP_WITHIN_S = 300.0
"""A program that does not answer after so long does not come up."""

STOPS_WITHIN_S = 60.0
"""What a program that is to stop, and its children, get for that, before they are killed."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LASTED_S = 300.0  # one that ran for so long starts over with the shortest pause
_KILLED_WITHIN_S = 5.0
_LOG_BYTES = 10_000_000


class Supervised:
    """One program that is to run."""

    def __init__(self, part: Part, logs: Path, say: Callable[[str], None]) -> None:
        self.part = part
        self.log = logs / f"{part.name}.log"
        self._say = say
        self._pause_s = _FIRST_PAUSE_S
        self._start_at = 0.0
        self._process: subprocess.Popen[str] | None = None
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process that was started last."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C in the terminal reaches this process only."""
        # If this process is killed, the program is told to end; there is no such word outside of Linux.
        setpriv = shutil.which("setpriv")
        follow = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
        self._process = subprocess.Popen(
            [*follow, *self.part.command], env=dict(self.part.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        self._started = time.monotonic()
        threading.Thread(target=_copy, args=(self._process, self.log), daemon=True).start()

    def keep_alive(self) -> None:
        """Start it again if it has ended, after a pause that doubles each time that it does not last."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        _signal_group(self._process.pid, signal.SIGTERM)  # what it may have left
        if time.monotonic() - self._started > _LASTED_S:
            self._pause_s = _FIRST_PAUSE_S
        self._say(
            f"{self.part.name} ended ({_ending(code)}); again in {self._pause_s:.0f} s; its last words: {self.log}"
        )
        self._start_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        self._process = None

    def wait_until_up(self, stop: threading.Event) -> None:
        """Wait until it answers, or `stop` is set.

        Raises:
            QuakelensError: It ended, or does not answer for `UP_WITHIN_S`.
        """
        import httpx

        deadline = time.monotonic() + UP_WITHIN_S
        while not stop.wait(0.2):
            if self._process is None or self._process.poll() is not None:
                raise QuakelensError(f"{self.part.name} does not start; its last words are in {self.log}")
            try:
                if httpx.get(self.part.health, timeout=5).status_code < 400:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                raise QuakelensError(f"{self.part.name} does not answer at {self.part.health}; see {self.log}")

    def stop(self, hurry: threading.Event) -> None:
        """Tell it to end, and wait for it and its children; kill what is left after `STOPS_WITHIN_S`."""
        if self._process is None:
            return
        self._process.terminate()
        if not self._is_gone_within(STOPS_WITHIN_S, hurry):
            self._say(f"{self.part.name} does not end: killed")
            _signal_group(self._process.pid, signal.SIGKILL)
            self._is_gone_within(_KILLED_WITHIN_S, threading.Event())

    def _is_gone_within(self, seconds: float, hurry: threading.Event) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while self._process.poll() is None or _signal_group(self._process.pid, 0):
            if time.monotonic() > deadline or hurry.is_set():
                return False
            time.sleep(0.05)
        return True


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to the processes of a group, if there are any."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _copy(process: subprocess.Popen[str], path: Path) -> None:
    """Write what a program says to a file that does not grow for ever."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=2, encoding="utf-8")
    try:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                handler.emit(logging.makeLogRecord({"msg": line.rstrip("\n")}))
    finally:
        handler.close()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
