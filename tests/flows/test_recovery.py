"""Runs whose process is gone; `scripts/check_faults.py --only retrain-killed` shows it on a whole station."""

import pytest
from prefect.client.orchestration import get_client

from flows.recovery import AGAIN, _again, give_up_after, recovery
from quakelens.errors import QuakelensError


def test_automations_are_made_once_and_brought_in_line(prefect_server: None) -> None:
    with get_client(sync_client=True) as client:
        made = recovery(client)
        assert [line.split()[0] for line in made] == ["made"] * (1 + len(AGAIN))
        assert [line.split()[0] for line in recovery(client)] == ["same"] * len(made)
        (changed,) = client.read_automations_by_name("quakelens: purge again after a crash")
        client.delete_automation(changed.id)
        client.create_automation(_again("purge").model_copy(update={"description": "another"}))
        assert [line for line in recovery(client) if not line.startswith("same")] == [f"changed  {changed.name}"]


def test_what_is_killed_again_and_again_is_not_started_for_ever() -> None:
    give_up_after(3)
    with pytest.raises(QuakelensError, match=r"killed 4 times in a row.*start it by hand"):
        give_up_after(4)
