"""What quakelens says of a run is on that run's page, under a worker and without one."""

import logging
import time
from datetime import datetime
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import Log

from quakelens.errors import SourceRefused
from quakelens.logs import context
from quakelens.secrecy import remember_all
from tasks.edge import told

LOG = logging.getLogger("quakelens.tests")


@flow
@told
def look(earthquake: str, now: datetime | None = None) -> dict[str, str | None]:
    LOG.info("of %s\n\x1b[2Jand more", earthquake)
    if earthquake == "broken":
        raise SourceRefused("the server repeats hush-hush-1")
    if earthquake == "bug":
        raise ValueError("a library repeats hush-hush-1")
    return context()


def lines_of(run: str, at_least: int) -> list[Log]:
    """The lines of a run, once so many have come: Prefect sends them in the background."""
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run)]))
    with get_client(sync_client=True) as client:
        for _ in range(300):
            found = client.read_logs(wanted)
            if len(found) >= at_least:
                break
            time.sleep(0.1)
    return found


def test_lines_are_on_the_runs_page(prefect_server: None) -> None:
    LOG.info("of no run")
    about = look("us1")
    assert about["earthquake"] == "us1"
    assert about["run"] is not None
    (line,) = [each for each in lines_of(about["run"], 1) if each.name == LOG.name]
    assert line.message == "of us1\n    \\x1b[2Jand more"
    assert (line.level, context()) == (logging.INFO, {"earthquake": None, "run": None})


@pytest.mark.parametrize(("which", "kind"), [("broken", SourceRefused), ("bug", Exception)])
def test_no_secret_is_in_the_state_of_a_run(prefect_server: None, which: str, kind: type[Exception]) -> None:
    remember_all("hush-hush-1")
    state = look(which, return_state=True)
    assert state.is_failed()
    with pytest.raises(kind, match=r"repeats \*\*\*"):
        state.result()
    assert "hush" not in str(state)


def test_a_flows_parameters_are_checked_as_before() -> None:
    properties = look.parameters.model_dump()["properties"]
    assert set(properties) == {"earthquake", "now"}
