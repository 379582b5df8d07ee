"""Which earthquakes can have damaged buildings, by the rule in params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from quakelens import params
from quakelens.earthquakes.earthquake import Earthquake


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an earthquake is harvested; `reason` is a sentence with the figures that decided."""

    due: bool
    reason: str


def decide(earthquake: Earthquake, trigger: params.Trigger, now: datetime) -> Decision:
    """Decide on one announcement; decide again on each that revises it.

    Due is one not older than `max_age_h` with a PAGER alert among `alerts`, or `min_mmi`, or `min_magnitude`
    no deeper than `max_depth_km`. The USGS's `sig` is of no use here: it calls felt but harmless earthquakes
    significant.

    Args:
        earthquake: As announced.
        trigger: From params.yaml.
        now: UTC.
    """
    age = now - earthquake.origin_time
    if age > timedelta(hours=trigger.max_age_h):
        hours = age.total_seconds() / 3600
        return Decision(False, f"origin time {hours:.0f} h ago, more than {trigger.max_age_h:.0f} h")
    if earthquake.alert in trigger.alerts:
        return Decision(True, f"PAGER alert {earthquake.alert}")
    if earthquake.mmi is not None and earthquake.mmi >= trigger.min_mmi:
        return Decision(True, f"MMI {earthquake.mmi:.1f}, {trigger.min_mmi:.1f} or more")
    return _by_magnitude(earthquake, trigger)


def _by_magnitude(earthquake: Earthquake, trigger: params.Trigger) -> Decision:
    if earthquake.magnitude is None:
        return Decision(False, f"no magnitude yet, {_others(earthquake, trigger)}")
    magnitude = f"magnitude {earthquake.magnitude:.1f}"
    if earthquake.magnitude < trigger.min_magnitude:
        return Decision(False, f"{magnitude} below {trigger.min_magnitude:.1f}, {_others(earthquake, trigger)}")
    if earthquake.depth_km is None:
        return Decision(True, f"{magnitude} at a depth not known yet")
    depth = f"{earthquake.depth_km:.0f} km deep"
    if earthquake.depth_km > trigger.max_depth_km:
        deep = f"{magnitude}, but {depth}, deeper than {trigger.max_depth_km:.0f} km"
        return Decision(False, f"{deep}, {_others(earthquake, trigger)}")
    return Decision(True, f"{magnitude}, {depth}")


def _others(earthquake: Earthquake, trigger: params.Trigger) -> str:
    """Why neither alert nor intensity decided."""
    alert = "no PAGER alert yet" if earthquake.alert is None else f"PAGER alert {earthquake.alert}"
    if earthquake.mmi is None:
        return f"{alert}, no MMI yet"
    return f"{alert}, MMI {earthquake.mmi:.1f} below {trigger.min_mmi:.1f}"
