from dataclasses import replace
from datetime import timedelta

import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, params

from quakelens.earthquakes.trigger import decide

TRIGGER = params().trigger
HARMLESS = replace(EARTHQUAKE, magnitude=5.0, depth_km=10.0, alert="green", mmi=4.0)


@pytest.mark.parametrize(
    ("change", "due", "words"),
    [
        ({}, False, "5.0"),
        ({"alert": "yellow"}, True, "yellow"),
        ({"alert": "orange"}, True, "orange"),
        ({"alert": "red"}, True, "red"),
        ({"mmi": 6.0}, True, "6.0"),
        ({"mmi": 5.9}, False, "5.9"),
        ({"magnitude": 5.5, "depth_km": 70.0}, True, "70 km"),
        ({"magnitude": 5.4, "depth_km": 5.0}, False, "5.4"),
        ({"magnitude": 7.0, "depth_km": 97.0}, False, "97 km"),
        ({"magnitude": 7.0, "depth_km": 97.0, "mmi": 6.5}, True, "6.5"),
        ({"magnitude": 5.6, "depth_km": None}, True, "depth"),
        ({"magnitude": 5.6, "depth_km": -1.2}, True, "5.6"),
        ({"magnitude": None, "alert": None, "mmi": None}, False, "no magnitude"),
        ({"magnitude": None, "alert": "red"}, True, "red"),
    ],
)
def test_any_of_three_rules_is_enough(change: dict[str, object], due: bool, words: str) -> None:
    decision = decide(replace(HARMLESS, **change), TRIGGER, NOW)  # type: ignore[arg-type]
    assert decision.due is due
    assert words in decision.reason


def test_old_earthquake_is_never_due_and_the_reason_has_its_age() -> None:
    strong = replace(EARTHQUAKE, alert="red")
    edge = ORIGIN + timedelta(hours=TRIGGER.max_age_h)
    assert decide(strong, TRIGGER, edge).due
    later = decide(strong, TRIGGER, edge + timedelta(hours=5))
    assert not later.due
    assert f"{TRIGGER.max_age_h + 5:.0f} h" in later.reason
