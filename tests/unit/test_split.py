import random
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quakelens.dataset.folds import add_folds, add_helpers
from quakelens.dataset.labelled import Labelled
from quakelens.dataset.leave_out import SMALL
from quakelens.dataset.split import assign, check_enough, share_of
from quakelens.errors import DataError
from quakelens.params import Split

EVENTS = ["none", "unknown", *(f"20{year:02}-quake" for year in range(8))]


def params(**changes):
    values = {"held_out": (), "held_out_share": 0.4, "seed": 1, "min_per_class": 2, "source_folds": 2}
    return Split(**(values | changes))


def shot(number, event="2000-quake", damaged=True, source="press", group="", cannot_show=""):
    sha256 = f"{number:064x}"
    return Labelled(
        image=f"images/{number}.jpg",
        label="damaged" if damaged else "not_damaged",
        event=event,
        source=source,
        group=group,
        cannot_show=cannot_show,
        note="",
        licence="",
        sha256=sha256,
    )


def shots(event, damaged, intact, *, start, source="press"):
    return [shot(start + n, event, n < damaged, source) for n in range(damaged + intact)]


def two_earthquakes():
    return shots("2015-nepal", 6, 6, start=0) + shots("2016-ecuador", 3, 4, start=100)


def by_path(rows):
    return {row.picture.path: row for row in rows}


corpora = st.lists(
    st.builds(
        lambda event, damaged, source, grouped, cannot: (event, damaged, source, "war" if grouped else "", cannot),
        st.sampled_from(EVENTS),
        st.booleans(),
        st.sampled_from(["a", "b", "c", "d", "e"]),
        st.sampled_from([False, False, False, True]),
        st.sampled_from(["", "any", " ".join(EVENTS[2:]), "2000-quake 2003-quake"]),
    ),
    min_size=1,
    max_size=60,
)
clusterings = st.dictionaries(st.integers(0, 59), st.integers(0, 59), max_size=25)


def drawn_corpus(corpus, joins):
    pictures = [shot(n, *row) for n, row in enumerate(corpus)]
    clusters = {}
    for member, first in joins.items():
        # `first` stands for itself, so that every cluster is named by its smallest member.
        if first < member < len(pictures) and first not in joins:
            clusters[f"{member:064x}"] = f"{first:064x}"
    assume(any(p.event not in ("none", "unknown") and not p.group for p in pictures))
    return pictures, clusters


def split_or_skip(pictures, clusters, split):
    try:
        return add_folds(add_helpers(assign(pictures, clusters, split), split), split)
    except DataError as error:
        assert "no picture belongs to a named earthquake" in str(error)  # conflicts took the last one
        assume(False)
        raise


@settings(max_examples=150, deadline=None)
@given(corpora, clusterings, st.integers(0, 5), st.randoms(use_true_random=False))
def test_what_must_always_hold(corpus, joins, seed, shuffler):
    pictures, clusters = drawn_corpus(corpus, joins)
    split = params(seed=seed)
    rows = split_or_skip(pictures, clusters, split)

    assert len(rows) == len(pictures)
    used = [row for row in rows if row.split != "left_out" and not row.helps]
    sides_of = {"event": {}, "source": {}, "cluster": {}}
    folds_of = {"event": {}, "source": {}}
    for row in used:
        picture = row.picture
        kind, name = ("source", picture.source) if picture.event == "none" else ("event", picture.event)
        sides_of[kind].setdefault(name, set()).add(row.split)
        folds_of[kind].setdefault(name, set()).add(row.fold)
        sides_of["cluster"].setdefault(row.cluster, set()).add(row.split)
        assert picture.event != "unknown" and not picture.group and not row.reason
    for kind in sides_of.values():
        assert all(len(sides) == 1 for sides in kind.values())
    for kind in folds_of.values():
        assert all(len(folds) == 1 for folds in kind.values())

    counted = [row.cluster for row in used if not row.duplicate_of]
    assert len(counted) == len(set(counted))
    assert set(counted) == {row.cluster for row in used}
    assert all(bool(row.reason) == (row.split == "left_out") for row in rows)
    for row in rows:
        assert bool(row.fold) == (row.split == "train" and not row.helps)
        assert row.fold not in row.not_for

    shuffler.shuffle(pictures)
    assert split_or_skip(pictures, clusters, split) == rows


@settings(max_examples=100, deadline=None)
@given(corpora, st.integers(0, 20), st.integers(0, 6), st.integers(0, 6))
def test_another_earthquake_never_moves_one(corpus, seed, damaged, intact):
    split = params(seed=seed)
    held_by_hash = {f"anchor-{n}": share_of(seed, "event", f"anchor-{n}") < 0.4 for n in range(30)}
    pictures, _ = drawn_corpus([*corpus, ("anchor-0", True, "a", "", "")], {})
    for number, held in enumerate((True, False)):  # both classes on both sides, so no fallback is needed
        anchor = next(event for event, by_hash in held_by_hash.items() if by_hash == held)
        pictures += shots(anchor, 2, 2, start=2000 + 100 * number)
    before = {row.picture.event: row.split for row in assign(pictures, {}, split) if not row.reason}
    more = pictures + shots("2099-new", damaged, intact, start=1000)
    after = {row.picture.event: row.split for row in assign(more, {}, split) if not row.reason}
    quakes = before.keys() - {"none"}
    folds = [
        {row.picture.event: row.fold for row in split_or_skip(some, {}, split) if row.fold} for some in (pictures, more)
    ]
    assert all(folds[1][event] == fold for event, fold in folds[0].items() if event != "none")
    assert {event: after[event] for event in quakes} == {event: before[event] for event in quakes}
    assert {before[event] for event in quakes} == {"train", "held_out"}


def test_earthquakes_named_in_params_are_held_out_whole():
    rows = assign(two_earthquakes(), {}, params(held_out=("2016-ecuador",)))
    assert {row.picture.event for row in rows if row.split == "held_out"} == {"2016-ecuador"}
    assert sum(row.split == "train" for row in rows) == 12


def test_an_earthquake_to_hold_out_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(DataError, match=r"2017-mexico.*2015-nepal, 2016-ecuador"):
        assign(two_earthquakes(), {}, params(held_out=("2016-ecuador", "2017-mexico")))


@pytest.mark.parametrize("seed", range(12))
def test_both_sides_get_both_classes_whatever_the_hashes(seed):
    for share in (0.0, 0.3, 1.0):
        rows = assign(two_earthquakes(), {}, params(seed=seed, held_out_share=share))
        check_enough(rows, params())
        assert {row.split for row in rows} == {"train", "held_out"}


def test_the_fallback_takes_the_earthquake_with_both_classes_and_the_smallest_hash():
    pictures = two_earthquakes() + shots("2017-mexico", 5, 5, start=200) + shots("1995-kobe", 5, 0, start=300)
    rows = assign(pictures, {}, params(held_out_share=0.0, seed=3))
    fit = ["2015-nepal", "2016-ecuador", "2017-mexico"]
    smallest = min(fit, key=lambda event: share_of(3, "event", event))
    assert {row.picture.event for row in rows if row.split == "held_out"} == {smallest}


def test_sources_of_no_earthquake_go_with_the_earthquakes_that_they_show():
    pictures = (
        shots("2015-nepal", 3, 3, start=0, source="nepal-press")
        + shots("2016-ecuador", 3, 3, start=100, source="quito-press")
        + shots("none", 0, 3, start=200, source="nepal-press")
        + shots("none", 0, 3, start=300, source="quito-press")
    )
    for seed in range(6):
        rows = assign(pictures, {}, params(held_out=("2016-ecuador",), seed=seed))
        sides = {(row.picture.event, row.picture.source): row.split for row in rows}
        assert sides["none", "nepal-press"] == "train"
        assert sides["none", "quito-press"] == "held_out"


def test_sources_without_a_side_are_shared_out_by_the_hash_of_their_name():
    pictures = two_earthquakes()  # `press` shows both
    for number in range(60):
        pictures += shots("none", 0, 2, start=1000 + 10 * number, source=f"s{number}")
    pictures += shots("none", 0, 2, start=5000, source="press")
    split = params(held_out=("2016-ecuador",), held_out_share=0.3)
    sides = {row.picture.source: row.split for row in assign(pictures, {}, split) if row.picture.event == "none"}
    assert sides == {name: "held_out" if share_of(split.seed, "source", name) < 0.3 else "train" for name in sides}
    assert 8 <= sum(side == "held_out" for side in sides.values()) <= 30


def test_unknown_earthquakes_groups_and_unusable_files_are_left_out():
    pictures = [
        *two_earthquakes(),
        shot(200, "unknown"),
        shot(201, "2015-nepal", group="aerial-oblique"),
        shot(202, "none", group="war"),
        shot(203, "2015-nepal"),
    ]
    rows = by_path(assign(pictures, {}, params(), frozenset({pictures[-1].path})))
    found = [(rows[p.path].split, rows[p.path].reason) for p in pictures[-4:]]
    assert found == [
        ("left_out", "unknown_earthquake"),
        ("left_out", "group"),
        ("left_out", "group"),
        ("left_out", "unusable"),
    ]


def test_near_duplicates_across_the_sides_stay_held_out_only_and_count_once():
    pictures = two_earthquakes()
    nepal, again = pictures[0], pictures[1]
    ecuador = [p for p in pictures if p.event == "2016-ecuador" and p.damaged][:2]
    members = (nepal, again, *ecuador)
    clusters = {member.sha256: nepal.sha256 for member in members}
    rows = by_path(assign(pictures, clusters, params(held_out=("2016-ecuador",))))
    assert [(rows[p.path].split, rows[p.path].reason) for p in (nepal, again)] == [("left_out", "near_held_out")] * 2
    assert [rows[p.path].split for p in ecuador] == ["held_out"] * 2
    assert [rows[p.path].duplicate_of for p in ecuador] == ["", ecuador[0].sha256]


def test_near_duplicates_with_different_labels_are_left_out():
    pictures = two_earthquakes()
    damaged = next(p for p in pictures if p.damaged)
    intact = next(p for p in pictures if not p.damaged)
    rows = by_path(assign(pictures, {intact.sha256: damaged.sha256}, params()))
    assert {rows[p.path].reason for p in (damaged, intact)} == {"label_conflict"}
    assert sum(row.split == "left_out" for row in rows.values()) == 2


def test_the_same_file_under_two_earthquakes_never_is_on_both_sides():
    pictures = two_earthquakes()
    pictures.append(replace(pictures[0], event="2016-ecuador"))
    rows = by_path(assign(pictures, {}, params(held_out=("2016-ecuador",))))
    assert rows[pictures[0].path].reason == "near_held_out"
    assert rows[pictures[-1].path].split == "held_out"


def test_folds_leave_out_an_earthquake_and_whole_sources_together():
    pictures = (
        shots("2015-nepal", 6, 6, start=0, source="nepal-press")
        + shots("2016-ecuador", 3, 4, start=100)
        + shots("2017-mexico", 4, 4, start=200)
        + shots("1995-kobe", 1, 0, start=300)
        + shots("1980-italy", 1, 1, start=310)
        + shots("none", 0, 2, start=400, source="nepal-press")
    )
    for number, size in enumerate((9, 6, 5, 4, 3, 2, 1)):
        pictures += shots("none", 0, size, start=1000 + 100 * number, source=f"s{number}")
    split = params(held_out=("2016-ecuador",), held_out_share=0.0, source_folds=3)
    rows = add_folds(assign(pictures, {}, split), split)
    folds = {row.picture.event: row.fold for row in rows if row.picture.event != "none"}
    assert folds == {
        "2015-nepal": "2015-nepal",
        "2017-mexico": "2017-mexico",
        "2016-ecuador": "",
        "1995-kobe": SMALL,
        "1980-italy": SMALL,
    }
    none = [row for row in rows if row.picture.event == "none"]
    assert {row.fold for row in none if row.picture.source == "nepal-press"} == {"2015-nepal"}
    loads = [sum(row.fold == f"sources-{number}" for row in none) for number in (1, 2, 3)]
    assert sum(loads) == 30 and max(loads) - min(loads) <= 2
    assert {row.fold for row in none if row.picture.source == "s0"} == {"sources-1"}


def test_an_empty_corpus_and_one_without_earthquakes_are_errors():
    with pytest.raises(DataError, match="no labelled pictures"):
        assign([], {}, params())
    with pytest.raises(DataError, match="at least two earthquakes"):
        assign(shots("none", 2, 2, start=0) + shots("unknown", 2, 2, start=50), {}, params())


def test_too_few_of_a_class_says_which_earthquake_would_do():
    pictures = two_earthquakes() + shots("2017-mexico", 5, 5, start=200) + shots("1995-kobe", 5, 0, start=300)
    split = params(held_out=("1995-kobe",))
    with pytest.raises(DataError, match=r"held-out side has only 0 not_damaged.*hold out one of: 2015-nepal \(6"):
        check_enough(assign(pictures, {}, split), split)
    split = params(held_out=("2015-nepal", "2016-ecuador", "2017-mexico"))
    with pytest.raises(DataError, match=r"training side has only 0 not_damaged.*do not hold out one of"):
        check_enough(assign(pictures, {}, split), split)


def test_a_single_earthquake_is_told_to_need_another():
    pictures = shots("2015-nepal", 9, 9, start=0)
    with pytest.raises(DataError, match="Add pictures of another earthquake"):
        check_enough(assign(pictures, {}, params()), params())


def test_shares_are_spread_and_depend_on_seed_kind_and_name():
    values = [share_of(1, "event", str(random.Random(n).random())) for n in range(400)]
    assert all(0 <= value < 1 for value in values)
    assert 0.4 < sum(values) / 400 < 0.6
    assert len({share_of(1, "event", "a"), share_of(2, "event", "a"), share_of(1, "source", "a")}) == 3
