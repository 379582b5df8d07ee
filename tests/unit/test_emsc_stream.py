"""The EMSC's websocket wakes the watch."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from test_emsc import NOW, feature, frame
from websockets.sync.server import ServerConnection, serve

from quakelens.earthquakes.emsc import MAX_AGE
from quakelens.earthquakes.emsc_stream import Alarm

NOTHING = (
    "no frame", frame("delete"), frame(data=feature(mag=4.4)), frame(data=feature(mag=None)),
    frame(data=feature(evtype="kx")), frame(data={"type": "Feature"}),
)  # fmt: skip
MARK = "all were sent"


@contextmanager
def stream(*connections: tuple[str, ...]) -> Iterator[tuple[str, threading.Event]]:
    """A server that sends frames to each connection and closes it, the last one excepted."""
    left = list(connections)
    sent = threading.Event()

    def serve_one(connection: ServerConnection) -> None:
        frames = left.pop(0)
        for each in frames:
            connection.send(each)
        if not left:
            connection.ping().wait(timeout=10)  # what was sent before it has been received
            sent.set()
            for _ in connection:
                pass

    with serve(serve_one, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/standing_order/websocket", sent
        finally:
            server.shutdown()
            thread.join()


def test_an_earthquake_wakes_once() -> None:
    with stream((*NOTHING, frame())) as (url, _), Alarm(url, clock=lambda: NOW) as alarm:
        assert alarm.wait(20)
        assert not alarm.wait(0)


def test_nothing_else_wakes() -> None:
    with stream((*NOTHING, MARK)) as (url, sent), Alarm(url, clock=lambda: NOW) as alarm:
        assert sent.wait(20)
        assert not alarm.wait(0.3)
    # One that is sent again when it is old.
    with stream((frame(),)) as (url, sent), Alarm(url, clock=lambda: NOW + MAX_AGE) as alarm:
        assert sent.wait(20)
        assert not alarm.wait(0.3)


def test_it_connects_again_when_it_is_cut_off() -> None:
    with stream((), (MARK,), (frame(),)) as (url, _), Alarm(url, clock=lambda: NOW) as alarm:
        assert alarm.wait(30)


def test_without_an_address_or_a_server_it_only_waits() -> None:
    with Alarm("") as alarm:
        assert not alarm.wait(0.01)
    with stream(()) as (url, _):
        pass
    for wrong in (url, "http://127.0.0.1/", "wss://"):
        with Alarm(wrong) as alarm:
            assert not alarm.wait(0.05)
