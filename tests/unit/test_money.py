"""Money: booked before it is spent, never over the budget, and nothing paid for twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, ORIGIN, FakeSource, impatient, many_posts, new_store, params, post, rows

from quakelens.errors import BudgetReached, RateLimited, SourceRefused, SourceUnavailable
from quakelens.harvest import PagesResult, harvest_pages
from quakelens.harvest.plan import plan
from quakelens.sources import Traits
from quakelens.store import Store, charges
from quakelens.store.charges import Budget, Charge

pytestmark = pytest.mark.usefixtures("any_store")

COUNTING = Traits(reach=timedelta(days=7), count_usd=0.005)
KEY = EARTHQUAKE.id


def harvest(store: Store, source: FakeSource, folder: Path, budget: Budget, now: datetime = NOW) -> PagesResult:
    return harvest_pages(
        store, source, EARTHQUAKE, params().harvest, folder / "pages", now, queries=("quake",), budget=budget,
        lookback_pages=0, patience=impatient(),
    )  # fmt: skip


def paid(source: FakeSource) -> FakeSource:
    source.price, source.traits = 0.005, COUNTING
    return source


def test_budget_ends_the_harvest_cleanly_with_what_it_has(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), paid(FakeSource(many_posts()))
    result = harvest(store, source, tmp_path, Budget(earthquake_usd=0.13))
    # A count for half a cent, 10 posts for five cents, 10 more; 0.025 is left, less than a page.
    assert (result.posts, result.state, result.failed) == (20, "budget", False)
    assert "QUAKELENS_BUDGET_EARTHQUAKE_USD" in str(result.stopped_because)
    assert charges.spent_usd(store, [KEY]) == pytest.approx(0.105)
    again = harvest(store, source, tmp_path, Budget(earthquake_usd=0.13))
    assert (again.requests, again.cost_usd) == (0, 0)
    more = harvest(store, source, tmp_path, Budget(earthquake_usd=10))
    assert (more.posts, more.state) == (35, "done")
    assert len(set(source.asked())) == len(source.requests)


def test_last_page_is_as_large_as_the_budget_pays(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), paid(FakeSource(many_posts()))
    harvest_pages(
        store, source, EARTHQUAKE, params(page_size=100).harvest, tmp_path / "pages", NOW, queries=("quake",),
        budget=Budget(earthquake_usd=0.005 + 0.15), lookback_pages=0, patience=impatient(),
    )  # fmt: skip
    assert [each["page_size"] for each in source.requests] == [30]


def test_budget_of_the_day_is_over_all_earthquakes(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), paid(FakeSource(many_posts()))
    other = Charge("elsewhere", None, "x", "lookup", datetime.now(UTC))
    charges.settle(store, other, 4.9, 980)
    result = harvest(store, source, tmp_path, Budget(day_usd=5.0))
    assert (result.posts, result.state) == (10, "budget")
    assert "QUAKELENS_BUDGET_DAY_USD" in str(result.stopped_because)


def test_queries_are_counted_once_and_the_count_is_paid_once(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), paid(FakeSource(many_posts()))
    planned = plan(store, source, EARTHQUAKE, ("quake",), params().harvest, Budget(10, 10), NOW, patience=impatient())
    assert (planned.posts, planned.usd, planned.max_usd) == (35, 0.175, pytest.approx(9.995))
    assert (source.counts, len(source.requests)) == (1, 0)
    result = harvest(store, source, tmp_path, Budget(10, 10))
    assert source.counts == 1
    assert (result.expected.posts, result.expected.usd) == (35, pytest.approx(0.175))
    harvest(store, source, tmp_path, Budget(10, 10), NOW + timedelta(hours=1))
    assert source.counts == 1
    assert charges.spent_usd(store, [KEY]) == pytest.approx(0.005 + 35 * 0.005)


def test_plan_of_a_free_source_counts_nothing_and_costs_nothing(tmp_path: Path) -> None:
    source = FakeSource(many_posts(), name="free")
    planned = plan(new_store(tmp_path), source, EARTHQUAKE, ("quake",), params().harvest, Budget(10, 10), NOW)
    assert (planned.posts, planned.usd, planned.max_usd, source.counts) == (None, None, 0.0, 0)


@pytest.mark.parametrize(
    ("failure", "kept"),
    [
        (SourceRefused("no credits"), 0.0),
        (RateLimited("limited", NOW + timedelta(hours=1)), 0.0),
        (SourceUnavailable("503"), 0.0),
        (SourceUnavailable("cut", charged=True), 0.05),
    ],
)
def test_request_that_failed_is_booked_only_if_it_may_have_been_charged(
    tmp_path: Path, failure: Exception, kept: float
) -> None:
    store = new_store(tmp_path)
    source = FakeSource(many_posts(), price=0.005)

    def fail(number: int) -> None:
        raise failure

    source.before_search = fail
    harvest(store, source, tmp_path, Budget(10, 10))
    assert charges.spent_usd(store, [KEY]) == pytest.approx(kept)
    source.before_search = lambda number: None
    harvest(store, source, tmp_path, Budget(10, 10))
    # The same request, made again, takes the place of the booking that was uncertain.
    assert charges.spent_usd(store, [KEY]) == pytest.approx(35 * 0.005)
    assert all(row[-1] for row in rows(store, "charges")["charges"])


def test_request_that_was_under_way_at_a_kill_stays_booked_until_it_is_made_again(tmp_path: Path) -> None:
    store, source = new_store(tmp_path), FakeSource(many_posts(), price=0.005)

    class Killed(BaseException):
        pass

    def kill(number: int) -> None:
        if number == 2:
            raise Killed

    source.before_search = kill
    with pytest.raises(Killed):
        harvest(store, source, tmp_path, Budget(0.12, 10))
    assert charges.spent_usd(store, [KEY]) == pytest.approx(0.1)
    source.before_search = lambda number: None
    result = harvest(store, source, tmp_path, Budget(0.12, 10))
    assert (result.posts, result.state) == (20, "budget")
    assert charges.spent_usd(store, [KEY]) == pytest.approx(0.1)


def test_two_that_spend_at_once_stay_within_the_budget(tmp_path: Path) -> None:
    store, at = new_store(tmp_path), datetime.now(UTC)
    budget = Budget(day_usd=1.0)
    done = 0
    for number in range(30):
        charge = Charge(f"page {number}", None, "x", "search", at)
        try:
            charges.reserve(store, charge, 0.3, [], budget)
        except BudgetReached:
            continue
        done += 1
    assert done == 3
    charges.settle(store, Charge("page 0", None, "x", "search", at), 0.1, 20)
    charges.reserve(store, Charge("page 40", None, "x", "search", at), 0.3, [], budget)
    assert charges.spent_on_day_usd(store, at) == pytest.approx(1.0)
    assert charges.spent_on_day_usd(store, at + timedelta(days=1)) == 0
    charges.reserve(store, Charge("page 41", None, "x", "search", at + timedelta(days=1)), 1.0, [], budget)


def test_posts_from_before_the_origin_time_belong_to_the_look_back(tmp_path: Path) -> None:
    class Careless(FakeSource):
        def search(self, query: str, **asked: object):  # type: ignore[no-untyped-def,override]
            return super().search(query, **{**asked, "start_time": ORIGIN - timedelta(days=9)})  # type: ignore[arg-type]

    store = new_store(tmp_path)
    result = harvest(store, Careless([post(1, -90), post(2, 3)]), tmp_path, Budget())
    assert (result.posts, len(rows(store, "posts")["posts"])) == (1, 2)
