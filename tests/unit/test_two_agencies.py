"""One earthquake that two agencies announce is one in the store, in whatever order they do."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, new_store, params
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quakelens.earthquakes import Earthquake
from quakelens.earthquakes.detail import Detail
from quakelens.earthquakes.watching import observe
from quakelens.store import Store, details, earthquakes, runs
from quakelens.store.earthquakes import count, find, get, keys_of, save

KM_NORTH = 1 / 111.2
"""Degrees of latitude in a kilometre."""


def usgs(name: str = "us7000abcd", **values: object) -> Earthquake:
    return replace(EARTHQUAKE, **{"id": name, "ids": (name,), "agency": "usgs", **values})  # type: ignore[arg-type]


def emsc(number: int = 123, *, seconds: float = 5.0, km: float = 10.0, **values: object) -> Earthquake:
    unid = f"20260501_{number:07d}"
    fixed = {
        "id": unid, "ids": (unid,), "agency": "emsc", "magnitude": 6.6, "place": "Central Turkey", "url": None,
        "origin_time": ORIGIN + timedelta(seconds=seconds), "latitude": EARTHQUAKE.latitude + km * KM_NORTH,
        "updated": ORIGIN + timedelta(minutes=3),
    }  # fmt: skip
    return replace(EARTHQUAKE, **{**fixed, **values})  # type: ignore[arg-type]


def save_all(store: Store, announced: Iterable[Earthquake]) -> None:
    for each in announced:
        save(store, each, NOW)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_values_of_the_usgs_stay_whatever_comes_when(tmp_path: Path, order: Sequence[int]) -> None:
    store = new_store(tmp_path)
    revised = emsc(magnitude=6.9, updated=NOW + timedelta(days=1))
    announced = [usgs(), emsc(), revised]
    save_all(store, [announced[position] for position in order])
    assert count(store) == 1
    found = get(store, "us7000abcd")
    assert found == get(store, revised.id)
    assert (found.earthquake.agency, found.earthquake.magnitude, found.earthquake.id) == ("usgs", 6.8, "us7000abcd")
    assert set(found.earthquake.ids) == {"us7000abcd", revised.id}


def test_revisions_of_the_usgs_still_count(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    save_all(store, [emsc(updated=NOW), usgs(), usgs(magnitude=7.1, updated=ORIGIN + timedelta(minutes=30))])
    assert get(store, emsc().id).earthquake.magnitude == 7.1


def test_the_emsc_revises_its_own_values_until_the_usgs_comes(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    save_all(store, [emsc(), emsc(magnitude=6.2, updated=NOW), emsc(magnitude=6.0)])
    assert find(store, emsc().id).earthquake.magnitude == 6.2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (emsc(seconds=60.0, km=0), True),
        (emsc(seconds=-60.0, km=0), True),
        (emsc(seconds=60.001, km=0), False),
        (emsc(km=99.5), True),
        (emsc(km=100.5), False),
        (emsc(magnitude=7.5), True),
        (emsc(magnitude=6.1), True),
        (emsc(magnitude=7.51), False),
        (emsc(magnitude=None), True),
    ],
)
def test_limits_of_time_place_and_magnitude(tmp_path: Path, other: Earthquake, same: bool) -> None:
    for number, order in enumerate(([usgs(), other], [other, usgs()])):
        store = new_store(tmp_path / str(number))
        save_all(store, order)
        assert count(store) == (1 if same else 2)


def test_across_the_antimeridian(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    save_all(store, [usgs(longitude=179.95), emsc(longitude=-179.95)])
    assert count(store) == 1


def test_two_earthquakes_of_one_agency_are_two(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    save_all(store, [usgs("us1"), usgs("us2"), emsc(1), emsc(2), emsc(3)])
    assert count(store) == 3


def test_the_nearest_match_wins(tmp_path: Path) -> None:
    near, far = usgs("usnear", latitude=EARTHQUAKE.latitude + 12 * KM_NORTH), usgs("usfar")
    for number, order in enumerate(([near, far], [far, near])):
        store = new_store(tmp_path / str(number))
        save_all(store, [*order, emsc()])
        assert emsc().id in get(store, "usnear").earthquake.ids


def test_a_revision_that_comes_nearer_joins_two(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    save_all(store, [emsc(), usgs(latitude=EARTHQUAKE.latitude - 3)])
    assert count(store) == 2
    save(store, usgs(updated=NOW), NOW)
    assert count(store) == 1
    assert get(store, emsc().id).earthquake.id == "us7000abcd"


def test_an_announcement_with_ids_of_two_joins_them_and_their_other_agency(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    far = EARTHQUAKE.latitude - 3
    save_all(store, [emsc(), usgs("us1", latitude=far), usgs("at1", latitude=far, magnitude=6.0)])
    assert count(store) == 3
    save(store, usgs("us1", ids=("us1", "at1"), updated=NOW), NOW)
    assert count(store) == 1
    assert set(get(store, "at1").earthquake.ids) == {"us1", "at1", emsc().id}


def test_what_is_harvested_stays_and_is_not_started_again(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    rule = params().trigger
    assert [each.id for each in observe(store, [emsc()], rule, NOW)] == [emsc().id]
    held = runs.claim(store, emsc().id, NOW)
    assert held is not None
    assert observe(store, [usgs()], rule, NOW) == []
    runs.finish(store, held, NOW)
    assert observe(store, [usgs(), emsc(updated=NOW)], rule, NOW) == []
    assert get(store, "us7000abcd").key == emsc().id
    # An earlier earthquake without a run gives way to the one that was harvested.
    other = new_store(tmp_path / "other")
    save(other, usgs(latitude=EARTHQUAKE.latitude - 3), NOW)
    save(other, emsc(), NOW)
    runs.claim(other, emsc().id, NOW)
    save(other, usgs(updated=NOW), NOW)
    assert keys_of(other, "us7000abcd") == [emsc().id, "us7000abcd"]


def test_what_was_found_out_of_either_is_kept(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    save(store, usgs(latitude=EARTHQUAKE.latitude - 3), NOW)
    save(store, emsc(), NOW)
    runs.claim(store, emsc().id, NOW)
    detail = Detail("red", 8.4, (), None, (), ())
    details.save_detail(store, "us7000abcd", detail, EARTHQUAKE.updated, NOW)
    save(store, usgs(updated=NOW), NOW)
    found = get(store, "us7000abcd")
    assert found.key == emsc().id
    assert details.find(store, found.key).detail == detail
    assert (found.earthquake.alert, found.earthquake.mmi) == ("red", 8.4)


# Announcements of real earthquakes: each agency's solutions lie within half of what is allowed around the truth, and
# two earthquakes of the same minute lie far apart.


@st.composite
def announcements(draw: st.DrawFn) -> tuple[int, list[Earthquake]]:
    said: list[Earthquake] = []
    truths = draw(st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True))
    for truth in truths:
        time, latitude = ORIGIN + timedelta(seconds=200 * (truth % 3)), -30.0 + 6.0 * truth
        for agency in draw(st.sampled_from([("usgs",), ("emsc",), ("usgs", "emsc")])):
            for revision in range(draw(st.integers(1, 3))):
                name = f"us{truth}" if agency == "usgs" else f"20260501_{truth:07d}"
                further = {f"at{truth}"} if agency == "usgs" and draw(st.booleans()) else set()
                said.append(
                    replace(
                        EARTHQUAKE, id=name, ids=(name, *further), agency=agency,
                        origin_time=time + timedelta(seconds=draw(st.floats(-29, 29))),
                        latitude=latitude + draw(st.floats(-0.3, 0.3)), longitude=draw(st.floats(-0.3, 0.3)),
                        magnitude=draw(st.one_of(st.none(), st.floats(6.2, 6.8))),
                        updated=ORIGIN + timedelta(minutes=revision),
                    )
                )  # fmt: skip
    return len(truths), draw(st.permutations(said))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(announcements())
def test_the_order_of_announcements_does_not_matter(case: tuple[int, list[Earthquake]]) -> None:
    truths, said = case
    with TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        save_all(store, said)
        known = earthquakes.since(store, datetime(2000, 1, 1, tzinfo=UTC))
        assert count(store) == len(known) == truths
        ids = [name for each in known for name in each.earthquake.ids]
        assert len(ids) == len(set(ids))
        assert set(ids) == {name for each in said for name in each.ids}
        for each in known:
            of_usgs = [one for one in said if one.agency == "usgs" and one.id in each.earthquake.ids]
            newest = max(of_usgs or [one for one in said if one.id in each.earthquake.ids], key=lambda one: one.updated)
            assert each.earthquake.updated == newest.updated
            assert each.earthquake.agency == newest.agency
        store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.permutations([usgs("us1"), usgs("us2", latitude=EARTHQUAKE.latitude + 0.5), emsc(1), emsc(2), emsc(3, km=60)])
)
def test_near_ones_are_never_more_than_one_of_each_agency(said: list[Earthquake]) -> None:
    with TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        save_all(store, said)
        for each in earthquakes.since(store, datetime(2000, 1, 1, tzinfo=UTC)):
            assert sum(name.startswith("us") for name in each.earthquake.ids) <= 1
            assert sum("_" in name for name in each.earthquake.ids) <= 1
        assert count(store) == 3
        store.close()
