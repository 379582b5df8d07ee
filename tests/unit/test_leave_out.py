"""Pictures that help training, and the folds that leave earthquakes and sources out together."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_split import by_path, clusterings, corpora, drawn_corpus, params, shot, shots, split_or_skip

from quakelens.dataset.folds import add_folds, add_helpers
from quakelens.dataset.leave_out import Row, folds_of, leave_out
from quakelens.dataset.split import assign
from quakelens.errors import DataError

ANYWHERE = "any"


def prepared(pictures, clusters=None, **changes):
    split = params(held_out=("2016-ecuador",), source_folds=2, held_out_share=0.0, **changes)
    return by_path(add_folds(add_helpers(assign(pictures, clusters or {}, split), split), split))


def corpus():
    """Three earthquakes of their own sources, the second held out, and streets."""
    return (
        shots("2015-nepal", 4, 4, start=0, source="nepal-press")
        + shots("2016-ecuador", 4, 4, start=100, source="quito-press")
        + shots("2017-mexico", 4, 4, start=200, source="mexico-press")
        + shots("none", 0, 6, start=300, source="streets")
    )


def could_show(row, members, events):
    """Written out anew: what a picture could show, by its own row and its near-duplicates'."""
    if any(member.event in events for member in members):
        return True
    if not events or not any(member.event == "unknown" for member in members):
        return False
    said = {name for member in members for name in member.cannot_show.split()}
    return not ("any" in said or events <= said)


@settings(max_examples=150, deadline=None)
@given(corpora, clusterings, st.integers(0, 5))
def test_nothing_is_learnt_from_that_shows_what_is_judged(corpus, joins, seed):
    pictures, clusters = drawn_corpus(corpus, joins)
    split = params(seed=seed)
    rows = split_or_skip(pictures, clusters, split)
    train = [row for row in rows if row.split == "train" and not row.duplicate_of]
    members = {}
    for row in rows:
        members.setdefault(row.cluster, []).append(row.picture)
    judgements = [("held_out", [row for row in rows if row.split == "held_out"], [row for row in train if row.helps])]
    for fold in {row.fold for row in train if row.fold}:
        inside = [row for row in rows if row.fold == fold]
        learnt = [row for row in train if row.fold != fold and fold not in row.not_for]
        judgements.append((fold, inside, learnt))
    for _, judged, learnt in judgements:
        events = {row.picture.event for row in judged} - {"none"}
        sources = {row.picture.source for row in judged}
        for row in learnt:
            assert row.cluster not in {other.cluster for other in judged}
            assert row.picture.event not in events
            if row.helps or row.picture.event == "none":
                assert row.picture.source not in sources
            if row.helps:
                assert not could_show(row, members[row.cluster], events)
    assert all(not row.fold and row.split == "train" and not row.reason for row in rows if row.helps)
    assert len({row.cluster for row in train}) == len(train)


@settings(max_examples=100, deadline=None)
@given(corpora, clusterings, st.integers(0, 5))
def test_pictures_that_help_move_no_other(corpus, joins, seed):
    pictures, clusters = drawn_corpus(corpus, joins)
    rows = split_or_skip(pictures, clusters, params(seed=seed))
    without = split_or_skip(pictures, clusters, params(seed=seed, helpers=False))
    assert [replace(row, not_for=frozenset()) for row in rows if not row.helps] == [
        replace(other, not_for=frozenset()) for row, other in zip(rows, without, strict=True) if not row.helps
    ]
    assert all(other.split == "left_out" for row, other in zip(rows, without, strict=True) if row.helps)


def test_unknown_earthquakes_help_only_where_they_certainly_show_none_that_is_judged():
    asked = {
        "2016-ecuador": frozenset(("2015-nepal", "2017-mexico")),
        "2016-ecuador 2015-nepal": frozenset(("2017-mexico",)),
        "any": frozenset(),
        "2015-nepal 2017-mexico": None,
        "": None,
    }
    helpers = [shot(500 + n, "unknown", source=f"u{n}", cannot_show=said) for n, said in enumerate(asked)]
    rows = prepared(corpus() + helpers)
    for picture, not_for in zip(helpers, asked.values(), strict=True):
        row = rows[picture.path]
        assert (row.fold, row.helps, row.split) == ("", not_for is not None, "left_out" if not_for is None else "train")
        assert row.not_for == (not_for or frozenset())
        assert row.reason == ("unknown_earthquake" if not_for is None else "")


def test_groups_help_but_not_with_their_own_earthquake():
    nepal, ecuador, war = (
        shot(500, "2015-nepal", source="a", group="aerial"),
        shot(501, "2016-ecuador", source="b", group="aerial"),
        shot(502, "none", source="c", group="war"),
    )
    rows = prepared([*corpus(), nepal, ecuador, war])
    assert (rows[nepal.path].helps, rows[nepal.path].not_for) == (True, {"2015-nepal"})
    assert (rows[ecuador.path].split, rows[ecuador.path].reason) == ("left_out", "group")
    assert (rows[war.path].helps, rows[war.path].not_for) == (True, frozenset())


def test_helpers_share_neither_source_nor_near_duplicate_with_what_is_judged():
    pictures = [shot(500 + n, "unknown", source=source, cannot_show=ANYWHERE) for n, source in enumerate(
        ("quito-press", "mexico-press", "streets", "free", "free", "free")
    )]  # fmt: skip
    pictures.append(shot(490, "2015-nepal", source="nepal-press"))
    near_ecuador, near_nepal, alone = pictures[3], pictures[4], pictures[5]
    clusters = {near_ecuador.sha256: f"{100:064x}", near_nepal.sha256: f"{490:064x}"}
    rows = prepared(corpus() + pictures, clusters)
    assert rows[pictures[0].path].split == rows[near_ecuador.path].split == "left_out"
    assert rows[pictures[1].path].not_for == {"2017-mexico"}
    assert rows[pictures[2].path].not_for == {"sources-1"}
    assert rows[near_nepal.path].duplicate_of == f"{490:064x}"
    assert (rows[alone.path].helps, rows[alone.path].not_for) == (True, frozenset())


def test_near_duplicates_speak_for_each_other():
    told, silent, named = (
        shot(500, "unknown", source="a", cannot_show="2016-ecuador"),
        shot(501, "unknown", source="b", cannot_show="2015-nepal"),
        shot(502, "2016-ecuador", source="c", group="aerial"),
    )
    rows = prepared([*corpus(), told, silent], {silent.sha256: told.sha256})
    assert (rows[told.path].not_for, rows[silent.path].duplicate_of) == ({"2017-mexico"}, told.sha256)
    rows = prepared([*corpus(), told, named], {named.sha256: told.sha256})
    assert {rows[p.path].split for p in (told, named)} == {"left_out"}
    other = replace(silent, label="not_damaged")
    rows = prepared([*corpus(), told, other], {other.sha256: told.sha256})
    assert {rows[p.path].split for p in (told, other)} == {"left_out"}


def test_a_fold_learns_nothing_from_a_source_that_it_judges():
    mexico = shots("2017-mexico", 3, 3, start=700, source="nepal-press")
    rows = prepared(corpus() + mexico + shots("1995-kobe", 3, 3, start=800, source="kobe-press"))
    assert all(rows[p.path].not_for == {"2015-nepal"} for p in mexico)
    nepal = [row for row in rows.values() if row.picture.event == "2015-nepal"]
    assert all(row.not_for == {"2017-mexico"} for row in nepal)


def test_one_source_of_all_earthquakes_leaves_something_to_learn_from():
    pictures = [replace(p, source="x") if p.event != "none" else p for p in corpus()]
    pictures += shots("none", 0, 3, start=800, source="x")
    rows = prepared(pictures)
    assert {row.not_for for row in rows.values() if row.fold in ("2015-nepal", "2017-mexico")} >= {frozenset()}
    quakes = [row for row in rows.values() if row.picture.event in ("2015-nepal", "2017-mexico")]
    assert all(not row.not_for for row in quakes)
    streets = [row for row in rows.values() if row.picture.event == "none" and row.picture.source == "x"]
    assert all(row.fold in ("2015-nepal", "2017-mexico") and row.not_for for row in streets if row.split == "train")


def test_helpers_can_be_switched_off():
    picture = shot(500, "unknown", source="a", cannot_show=ANYWHERE)
    row = prepared([*corpus(), picture], helpers=False)[picture.path]
    assert (row.split, row.reason, row.helps) == ("left_out", "unknown_earthquake", False)


def plain_rows():
    def row(n, event="none", damaged=False, source="s", group="", cannot_show=frozenset()):
        return Row(f"{n:03}", damaged, event, source, group, str(n), cannot_show)

    rows = [row(n, "2015-nepal", n % 2 == 0, "a") for n in range(6)]
    rows += [row(10 + n, "2016-ecuador", n % 2 == 0, "b") for n in range(6)]
    rows += [row(20 + n, source=f"s{n}") for n in range(4)]
    return [*rows, row(30, "unknown", True, "u"), row(31, "none", True, "w", "war")]


@pytest.mark.parametrize(
    ("helpers", "which"),
    [("none", set()), ("unknown", {"030"}), ("all", {"030", "031"}), ("loose", {"030", "031"})],
)
def test_which_pictures_help_can_be_chosen(helpers, which):
    rows = plain_rows()
    places = leave_out(rows, min_per_class=2, source_folds=2, helpers=helpers)
    assert {row.name for row, place in zip(rows, places, strict=True) if place.counts and not place.fold} == which
    folds = {fold.name: {rows[n].name for n in fold.train} for fold in folds_of(places)}
    assert set(folds) == {"2015-nepal", "2016-ecuador", "sources-1", "sources-2"}
    for name in ("2015-nepal", "2016-ecuador"):
        assert folds[name] & {"030", "031"} == (which if helpers == "loose" else which - {"030"})
    assert folds["sources-1"] & {"030", "031"} == which


def test_the_order_of_rows_is_of_no_account_to_places():
    rows = plain_rows()
    rows.append(replace(rows[0], name="099", source="z"))  # a near-duplicate
    before = dict(zip((row.name for row in rows), leave_out(rows, min_per_class=2, source_folds=2), strict=True))
    assert not before["099"].counts
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert before == dict(
            zip((row.name for row in rows), leave_out(rows, min_per_class=2, source_folds=2), strict=True)
        )


def test_a_single_fold_cannot_be_left_out():
    rows = plain_rows()[:6]
    with pytest.raises(DataError, match="add pictures of a second earthquake"):
        folds_of(leave_out(rows, min_per_class=2, source_folds=2))
