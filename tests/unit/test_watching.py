import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, new_store, params, store_url
from sqlalchemy import update

from quakelens.earthquakes.watching import MAX_FAILED, observe
from quakelens.errors import Busy
from quakelens.harvest import follow_up
from quakelens.store import Store, earthquakes, open_store, polls, runs
from quakelens.store.tables import runs as run_table

pytestmark = pytest.mark.usefixtures("any_store")

TRIGGER = params().trigger
MINUTE = timedelta(minutes=1)
WEAK = replace(EARTHQUAKE, id="us1weak", ids=("us1weak",), magnitude=4.9)


def due(store: Store, *announced: object, now: datetime = NOW, **more: object) -> list[str]:
    return [found.id for found in observe(store, announced, TRIGGER, now, **more)]  # type: ignore[arg-type]


def test_only_what_the_rule_asks_for_is_due(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert due(store, WEAK, EARTHQUAKE) == [EARTHQUAKE.id]
    assert earthquakes.get(store, WEAK.id).due is False
    assert "4.9" in str(earthquakes.get(store, WEAK.id).reason)


def test_earthquake_becomes_due_by_a_later_alert(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert due(store, WEAK) == []
    assert due(store, replace(WEAK, alert="yellow", updated=NOW)) == [WEAK.id]
    assert "yellow" in str(earthquakes.get(store, WEAK.id).reason)


def test_revised_id_and_magnitude_start_no_second_run(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert due(store, EARTHQUAKE) == [EARTHQUAKE.id]
    held = runs.claim(store, EARTHQUAKE.id, NOW)
    assert held is not None
    revised = replace(EARTHQUAKE, id="us9new", ids=("us9new", "at00abcd"), magnitude=7.2, updated=NOW)
    assert due(store, revised, now=NOW + MINUTE) == []
    assert runs.claim(store, "us9new", NOW + MINUTE) is None
    runs.finish(store, held, NOW + MINUTE)
    again = replace(revised, magnitude=7.4, alert="red", updated=NOW + MINUTE)
    assert due(store, again, now=NOW + 2 * MINUTE) == []
    assert runs.claim(store, "us7000abcd", NOW + 2 * MINUTE) is None


def test_due_earthquake_that_left_the_feed_is_still_started(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    due(store, EARTHQUAKE)
    assert due(store, now=NOW + 30 * MINUTE) == [EARTHQUAKE.id]
    assert due(store, now=ORIGIN + timedelta(hours=TRIGGER.max_age_h, minutes=1)) == []


def test_failed_run_is_tried_again_after_growing_pauses_and_not_for_ever(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    due(store, EARTHQUAKE)
    now, waits = NOW, []
    for _ in range(MAX_FAILED):
        waited = 0
        while due(store, now=now) == []:
            now, waited = now + MINUTE, waited + 1
            assert waited < 200
        waits.append(waited)
        held = runs.claim(store, EARTHQUAKE.id, now)
        assert held is not None
        runs.fail(store, held, now, "the source is down")
    assert waits[0] == 0
    assert waits[1:] == sorted(waits[1:])
    assert waits[1] >= 1
    assert due(store, now=now + timedelta(hours=20)) == []
    past = runs.history(store, EARTHQUAKE.id, now)
    assert [run.message for run in past] == ["the source is down"] * MAX_FAILED


def test_finished_earthquake_is_due_again_where_that_is_asked_for(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    due(store, EARTHQUAKE)
    held = runs.claim(store, EARTHQUAKE.id, NOW)
    assert held is not None
    runs.finish(store, held, NOW)
    hour = timedelta(hours=1)
    assert due(store, now=NOW + hour) == []
    assert runs.claim(store, EARTHQUAKE.id, NOW + 59 * MINUTE, again_after=hour) is None
    assert runs.claim(store, EARTHQUAKE.id, NOW + hour, again_after=hour) is not None


def elsewhere(store: Store, held: runs.Claim) -> None:
    """Move a claim to another host, where nobody here can see its process."""
    with store.write() as connection:
        connection.execute(update(run_table).where(run_table.c.id == held.run).values(host="elsewhere"))


def test_claim_of_another_host_is_taken_over_after_its_lease_only(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    first = runs.claim(store, EARTHQUAKE.id, NOW)
    assert first is not None
    elsewhere(store, first)
    runs.renew(store, first, NOW + MINUTE)
    almost = NOW + MINUTE + timedelta(seconds=runs.LEASE_S - 1)
    assert runs.claim(store, EARTHQUAKE.id, almost) is None
    assert due(store, now=almost) == []
    over = almost + timedelta(seconds=1)
    assert due(store, now=over) == [EARTHQUAKE.id]
    second = runs.claim(store, EARTHQUAKE.id, over)
    assert second is not None
    with pytest.raises(Busy, match="taken over"):
        runs.renew(store, first, over)
    runs.finish(store, first, over)  # a run that lost its claim cannot end the other's
    assert runs.claim(store, EARTHQUAKE.id, over) is None
    assert [run.state for run in runs.history(store, EARTHQUAKE.id, over)] == ["lost", "running"]


def test_claim_of_a_killed_process_is_taken_over_at_once(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    now = datetime.now(UTC)
    earthquakes.save(store, EARTHQUAKE, now)
    code = (
        "import sys, time; from datetime import UTC, datetime; from quakelens.store import open_store, runs; "
        f"held = runs.claim(open_store({store_url(tmp_path)!r}), '{EARTHQUAKE.id}', "
        "datetime.now(UTC)); print(held is not None, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"True"
        assert runs.claim(store, EARTHQUAKE.id, datetime.now(UTC)) is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    assert runs.claim(store, EARTHQUAKE.id, datetime.now(UTC)) is not None


def take(url: str, barrier: object, results: object) -> None:
    store = open_store(url)
    barrier.wait()  # type: ignore[attr-defined]
    won = runs.claim(store, EARTHQUAKE.id, datetime.now(UTC)) is not None
    results.put(won)  # type: ignore[attr-defined]
    barrier.wait()  # type: ignore[attr-defined]  # nobody ends before all have tried


def test_of_processes_that_claim_at_once_one_wins(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    arguments = (store_url(tmp_path), barrier, results)
    started = [context.Process(target=take, args=arguments) for _ in range(3)]
    for process in started:
        process.start()
    won = [results.get(timeout=60) for _ in started]
    for process in started:
        process.join(timeout=60)
    assert sorted(won) == [False, False, True]


def test_claim_is_renewed_while_the_work_lasts_and_its_loss_is_told(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    earthquakes.save(store, EARTHQUAKE, NOW)
    held = runs.claim(store, EARTHQUAKE.id, datetime.now(UTC), lease_s=0.6)
    assert held is not None
    elsewhere(store, held)
    with runs.renewing(store, held) as lost:
        time.sleep(1.2)
        assert runs.claim(store, EARTHQUAKE.id, datetime.now(UTC)) is None
        assert not lost.is_set()
        runs.finish(store, held, datetime.now(UTC))
        assert lost.wait(timeout=5)


def poll(store: Store, source: str, next_at: datetime | None, state: str = "done") -> None:
    polls.record(store, EARTHQUAKE.id, polls.Poll(source, NOW, next_at, state, 0, None))


def test_harvested_earthquake_is_due_again_when_a_poll_is(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    due(store, EARTHQUAKE)
    held = runs.claim(store, EARTHQUAKE.id, NOW)
    assert held is not None
    runs.finish(store, held, NOW)
    poll(store, "x", NOW + 15 * MINUTE, "limited")
    poll(store, "bluesky", NOW + 2 * MINUTE)
    poll(store, "mastodon", None, "refused")
    assert due(store, now=NOW + MINUTE) == []
    assert due(store, now=NOW + 2 * MINUTE) == [EARTHQUAKE.id]
    names = ["x", "bluesky", "mastodon", "new"]
    assert follow_up.due(store, EARTHQUAKE.id, names, NOW + 2 * MINUTE) == ["bluesky", "new"]
    assert follow_up.due(store, EARTHQUAKE.id, names, NOW + 15 * MINUTE) == ["x", "bluesky", "new"]
