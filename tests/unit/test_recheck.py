"""Networks are asked about stored posts, the shown ones first; only what they say for sure is removed."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from harvest_world import EARTHQUAKE, NOW, FakeSource, impatient, params, post, rows
from purge_world import build, fake_pages, finish, hers, sought  # noqa: F401
from sqlalchemy import update

from quakelens.cli.export import command as export
from quakelens.cli.purge import command as purge
from quakelens.errors import QuakelensError, RateLimited, SourceRefused, SourceUnavailable, UsageError
from quakelens.harvest import harvest_pages
from quakelens.purge.authors import author_gone
from quakelens.purge.recheck import PurgeBudget, plan, recheck
from quakelens.settings import Settings, Workspace
from quakelens.sources.post import Gone
from quakelens.sources.presence import Checked, KnownPost
from quakelens.store import Store, charges, checks, todo
from quakelens.store.tables import posts, scores

pytestmark = pytest.mark.usefixtures("fake_pages")

DAY = timedelta(hours=20)
LIMITS = params().duplicates


@dataclass
class FakeNetwork:
    """Knows what is gone; `errors` are raised first, one a question."""

    gone: Gone = field(default_factory=Gone)
    unknown: frozenset[str] = frozenset()
    batch: int = 3
    price: float = 0.0
    errors: list[Exception] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    name: str = "x"
    kill_at: int | None = None

    def most_usd(self, posts: int) -> float:
        return posts * self.price

    def check(self, posts: Sequence[KnownPost]) -> Checked:
        self.asked.append([each.id for each in posts])
        if len(self.asked) == self.kill_at:
            raise KeyboardInterrupt
        if self.errors:
            raise self.errors.pop(0)
        ids = frozenset(each.id for each in posts)
        there = ids - self.gone.posts
        return Checked(Gone(ids & self.gone.posts, self.gone.authors), ids & self.unknown, self.price * len(there))


def world(folder: Path) -> tuple[Store, Workspace]:
    return build(folder, [*(post(i, i, pictures=[i]) for i in range(11, 18)), hers(70, 3, [1]), post(80, 9)])


def later(hours: float = 24) -> datetime:
    return datetime.now(NOW.tzinfo) + timedelta(hours=hours)


def check(store: Store, network: FakeNetwork, now: datetime, **more: object):  # type: ignore[no-untyped-def]
    return recheck(store, network, LIMITS, now, DAY, patience=impatient(), **more)  # type: ignore[arg-type]


def test_what_is_gone_goes_and_what_is_there_is_not_asked_again_soon(tmp_path: Path) -> None:
    store, workspace = world(tmp_path)
    network = FakeNetwork(Gone(frozenset({"000070"})), batch=4)
    assert check(store, network, later(1)).due == 0  # harvested just now
    now = later()
    result = check(store, network, now)
    assert (result.due, result.there, result.removed, result.unknown, result.state) == (9, 8, 1, 0, "done")
    assert [len(each) for each in network.asked] == [4, 4, 1]
    finish(store, workspace)
    store.close()
    assert sought(1).traces(workspace.root) == []
    assert check(store, network, now + timedelta(hours=3)).due == 0
    assert check(store, network, now + timedelta(hours=21)).due == 8


def test_posts_that_a_report_shows_are_asked_about_first_then_those_that_wait_longest(tmp_path: Path) -> None:
    store, _ = world(tmp_path)
    now = later()
    with store.write() as connection:
        connection.execute(update(scores).values(decision="not_damaged"))
        picture = next(row for row in rows(store, "media")["media"] if row[1] == "m15-15")[-1]
        connection.execute(update(scores).where(scores.c.sha256 == picture).values(decision="unsure"))
        connection.execute(update(posts).where(posts.c.id == "000013").values(checked_at=now - timedelta(days=9)))
        connection.execute(update(posts).where(posts.c.id == "000011").values(checked_at=now - timedelta(days=8)))
    assert checks.due(store, "x", now - DAY)[:3] == ["000015", "000013", "000011"]


def test_authors_who_left_take_all_their_posts_along_but_may_come_back(tmp_path: Path) -> None:
    store, workspace = world(tmp_path)
    assert check(store, FakeNetwork(Gone(authors=frozenset({"hers-4711"}))), later()).removed == 1
    finish(store, workspace)
    again = FakeSource([hers(90, 300, [1])])
    harvest_pages(
        store, again, EARTHQUAKE, params().harvest, workspace.pages, NOW, queries=["quake"], patience=impatient()
    )
    assert "000090" in {row[1] for row in rows(store, "posts")["posts"]}


def test_what_a_network_does_not_know_stays_and_is_asked_again(tmp_path: Path) -> None:
    store, _ = world(tmp_path)
    network = FakeNetwork(unknown=frozenset({"000012", "000070"}))
    now = later()
    result = check(store, network, now)
    assert (result.there, result.removed, result.unknown) == (7, 0, 2)
    assert set(checks.due(store, "x", now - DAY)) == {"000012", "000070"}


@pytest.mark.parametrize(
    ("errors", "state"),
    [
        ([SourceUnavailable("503")] * 9, "down"),
        ([SourceRefused("401")], "refused"),
        ([RateLimited("429", later(24 * 30))], "limited"),
        ([SourceUnavailable("503"), RateLimited("429")], "done"),
    ],
)
def test_a_network_that_fails_says_nothing_of_posts(tmp_path: Path, errors: list[Exception], state: str) -> None:
    store, _ = world(tmp_path)
    before = rows(store, "posts")
    result = check(store, FakeNetwork(Gone(), errors=list(errors)), later())
    assert result.state == state
    assert result.failed == (state in ("down", "refused"))
    if state != "done":
        assert result.there == 0
        assert rows(store, "posts") == before


def test_money_is_booked_before_and_after_and_never_exceeded(tmp_path: Path) -> None:
    store, _ = world(tmp_path)
    now = later()
    network = FakeNetwork(Gone(frozenset({"000070"})), price=0.5)
    result = check(store, network, now, budget=PurgeBudget(lookups_usd=3.4))
    assert (result.state, len(network.asked), result.failed) == ("budget", 2, False)
    assert result.stopped_because is not None
    assert "QUAKELENS_BUDGET_PURGE_USD" in result.stopped_because
    spent = charges.spent_on_day_usd(store, now, "lookup")
    assert spent == pytest.approx(result.usd) == pytest.approx(0.5 * result.there)
    assert charges.spent_on_day_usd(store, now) == spent
    rest = check(store, network, now)
    assert rest.due == 9 - 6
    assert charges.spent_on_day_usd(store, now, "lookup") == pytest.approx(spent + rest.usd)
    again = check(store, FakeNetwork(price=0.5), now + timedelta(hours=20, minutes=1))
    assert again.there == 8
    total = sum(float(str(row[4])) for row in rows(store, "charges")["charges"] if row[3] == "lookup")
    assert total == pytest.approx(result.usd + rest.usd + again.usd)


def test_killed_it_goes_on_where_it_was(tmp_path: Path) -> None:
    store, _ = world(tmp_path)
    now = later()
    killed = FakeNetwork(Gone(frozenset({"000070"})), price=0.5, kill_at=3)
    with pytest.raises(KeyboardInterrupt):
        check(store, killed, now)
    assert charges.spent_on_day_usd(store, now, "lookup") >= 0.5 * 3  # the question that was under way is booked
    network = FakeNetwork(Gone(frozenset({"000070"})), price=0.5)
    result = check(store, network, now)
    assert network.asked == [killed.asked[2]]
    assert result.due == 3
    assert charges.spent_on_day_usd(store, now, "lookup") == pytest.approx(0.5 * 8)
    assert [task.name for task in todo.pending(store, "post")] == ["000070"]


def test_a_plan_asks_nothing_and_says_the_most_it_can_cost(tmp_path: Path) -> None:
    store, _ = world(tmp_path)
    network = FakeNetwork(price=0.5)
    found = plan(store, network, later(), DAY)
    assert (found.source, found.due, found.max_usd, network.asked) == ("x", 9, 4.5, [])


def test_an_author_is_found_by_handle_in_any_case_and_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = world(tmp_path)
    author = Gone(authors=frozenset({"hers-4711"}))
    for name in ("nobodywhoasked", "@NobodyWhoAsked", "hers-4711"):
        with store.write() as connection:
            connection.execute(update(posts).where(posts.c.id == "000070").values(author="nobodywhoasked"))
        assert author_gone(store, Settings(), "x", name, NOW) == author
    assert author_gone(store, Settings(), "x", "123456", NOW) == Gone(authors=frozenset({"123456"}))
    with pytest.raises(UsageError, match="give the author's id"):
        author_gone(store, Settings(), "mastodon", "@unknown", NOW)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    store, workspace = world(tmp_path)
    store.close()
    workspace.params.write_bytes((Path(__file__).parents[2] / "params.yaml").read_bytes())
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(workspace.root))
    return workspace


def test_an_author_who_asks_is_removed_at_once(at: Workspace) -> None:
    done = CliRunner().invoke(purge, ["--source", "x", "--author", "hers-4711", "--json"], catch_exceptions=False)
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["removed_posts"], told["earthquakes"], told["problems"]) == (1, [EARTHQUAKE.id], [])
    assert sought(1).traces(at.root) == []
    again = CliRunner().invoke(purge, ["--source", "x", "--author", "4242", "--json"], catch_exceptions=False)
    assert json.loads(again.stdout.splitlines()[-1])["removed_posts"] == 0


def test_a_post_is_removed_at_once_also_one_that_was_never_harvested(at: Workspace) -> None:
    options = ["--source", "x", "--post", "000070", "--post", "999999"]
    done = CliRunner().invoke(purge, options, catch_exceptions=False)
    assert "1 posts removed" in done.stdout
    assert sought(1).traces(at.root) == []
    with pytest.raises(UsageError, match="one --source"):
        CliRunner().invoke(purge, ["--post", "1"], catch_exceptions=False)


def test_what_cannot_be_removed_is_said_and_stays_on_the_list(at: Workspace) -> None:
    page = next(at.pages.path.rglob("*.gz"))
    whole = page.read_bytes()
    page.write_bytes(whole[:40])
    options = ["--source", "x", "--post", "000070"]
    with pytest.raises(QuakelensError, match="run `quakelens purge`"):
        CliRunner().invoke(purge, options, catch_exceptions=False)
    page.write_bytes(whole)
    done = CliRunner().invoke(purge, options, catch_exceptions=False)
    assert "1 archived pages" in done.stdout
    assert sought(1).traces(at.root) == []


def test_only_ids_are_exported(at: Workspace, tmp_path: Path) -> None:
    done = CliRunner().invoke(export, [EARTHQUAKE.id, "--ids"], catch_exceptions=False)
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(table[0]) == ["source", "id", "decision", "probability"]
    assert [row["id"] for row in table] == [f"{i:06d}" for i in (*range(11, 18), 70, 80)]
    assert [row["decision"] for row in table] == ["damaged"] * 8 + [""]
    assert not any(word in done.stdout for word in ("quake", "author", "http", *sought().words))
    out = tmp_path / "ids.csv"
    CliRunner().invoke(export, [EARTHQUAKE.id, "--ids", "--out", str(out)], catch_exceptions=False)
    assert out.read_text().splitlines() == done.stdout.splitlines()
    with pytest.raises(UsageError, match="--ids"):
        CliRunner().invoke(export, [EARTHQUAKE.id], catch_exceptions=False)
