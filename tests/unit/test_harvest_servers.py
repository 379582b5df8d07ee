"""A network of many servers: one that is closed or dead stops itself only. And what no store can take."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harvest_world import EARTHQUAKE, NOW, FakeSource, impatient, new_store, params, post, rows

from quakelens.errors import RateLimited, SourceError, SourceRefused, SourceUnavailable
from quakelens.harvest import PagesResult, harvest_pages
from quakelens.harvest.storable import storable
from quakelens.sources import MediaRef, Page, ParsedPage, Post, Traits
from quakelens.store.charges import Budget

QUERIES = ("a#quake", "b#quake", "a#deprem", "b#deprem")
SERVERS = Traits(smallest_page=1, server_mark="#", looks_back=False)
RESET = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class ManyServers(FakeSource):
    """Each server knows the posts whose text names it; `failing` ones give their error."""

    traits: Traits = SERVERS
    failing: tuple[tuple[str, SourceError], ...] = ()

    def search(self, query: str, **asked: object) -> Page:  # type: ignore[override]
        server = query.partition("#")[0]
        for name, error in self.failing:
            if name == server:
                self.requests.append({"query": query})
                raise error
        return super().search(query, **asked)  # type: ignore[arg-type]


def posts() -> list[Post]:
    return [post(number, number, " ".join(QUERIES[number % 2 :: 2])) for number in range(1, 30)]


def harvest(folder: Path, source: FakeSource, budget: Budget | None = None) -> PagesResult:
    more = {} if budget is None else {"budget": budget}
    return harvest_pages(
        new_store(folder), source, EARTHQUAKE, params().harvest, folder / "pages", NOW, queries=QUERIES,
        patience=impatient(), **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (SourceRefused("a is closed: give a token"), 1),
        (SourceUnavailable("a is dead: try again"), 4),
        (RateLimited("a is limited", RESET), 1),
    ],
)
def test_a_server_that_gives_nothing_does_not_stop_the_others(tmp_path: Path, error: SourceError, tries: int) -> None:
    source = ManyServers(posts(), failing=(("a", error),))
    result = harvest(tmp_path, source)
    assert (result.state, result.stopped_because, result.failed) == ("done", None, False)
    assert result.new_posts == 15
    assert [each["query"] for each in source.requests].count("a#quake") == tries
    assert "a#deprem" not in {each["query"] for each in source.requests}, "a server is not waited for twice"
    (problem,) = result.problems
    assert problem.startswith("a gives no more in this run") and str(error) in problem


@pytest.mark.parametrize(
    ("errors", "state"),
    [
        ((SourceRefused("closed"), SourceRefused("closed")), "refused"),
        ((SourceRefused("closed"), SourceUnavailable("dead")), "down"),
        ((SourceUnavailable("dead"), RateLimited("limited", RESET)), "limited"),
    ],
)
def test_if_no_server_answers_the_network_has_stopped(
    tmp_path: Path, errors: tuple[SourceError, SourceError], state: str
) -> None:
    result = harvest(tmp_path, ManyServers(posts(), failing=tuple(zip("ab", errors, strict=True))))
    assert result.state == state
    assert result.resume_at == (RESET if state == "limited" else None)
    assert result.stopped_because is not None
    assert all(f"{name}: " in result.stopped_because for name in "ab")


def test_a_server_that_comes_back_is_asked_from_where_it_was(tmp_path: Path) -> None:
    source = ManyServers(posts(), failing=(("a", SourceUnavailable("dead")),))
    harvest(tmp_path, source)
    source.failing = ()
    result = harvest(tmp_path, source)
    assert (result.new_posts, result.posts, result.problems) == (14, 29, ())


def test_the_budget_stops_all_servers(tmp_path: Path) -> None:
    source = ManyServers(posts(), price=1.0)
    result = harvest(tmp_path, source, Budget(0.5, 0.5))
    assert (result.state, source.requests) == ("budget", [])


def test_one_server_that_refuses_stops_a_network_of_one(tmp_path: Path) -> None:
    source = ManyServers(posts(), traits=replace(SERVERS, server_mark=None), failing=(("a", SourceRefused("closed")),))
    result = harvest(tmp_path, source)
    assert (result.state, result.problems, len(source.requests)) == ("refused", (), 1)


def test_what_no_database_takes_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    good, long = post(1, 1, "a#quake"), replace(post(2, 2, "a#quake"), id="9" * 201)
    odd = replace(
        post(3, 3, "a#quake \0 and half a pair \ud83d"), author="x" * 300, lang="y" * 99,
        media=(MediaRef("k" * 300, "https://a.example"), MediaRef("k", "https://a.example", alt_text="\udc00")),
    )  # fmt: skip
    result = harvest(tmp_path, ManyServers([good, long, odd]))
    assert result.new_posts == 2
    told = "\n".join(result.problems)
    assert "201 characters" in told and "author, lang" in told and "picture 1 was left out" in told
    stored = rows(new_store(tmp_path), "posts", "media")
    assert any("a#quake \ufffd and half a pair \ufffd" in row for row in stored["posts"])
    assert len(stored["media"]) == 1


def test_a_networks_page_names_no_file_of_this_machine(tmp_path: Path) -> None:
    hostile = replace(post(1, 1, "a#quake"), media=(MediaRef("k", "/etc/passwd", kind="file"),))
    result = harvest(tmp_path, ManyServers([hostile]))
    assert result.new_posts == 1 and "no files of this machine" in result.problems[0]
    assert rows(new_store(tmp_path), "media")["media"] == []


def test_a_page_in_order_stays_as_it_is() -> None:
    page = ParsedPage((post(1, 1, "Ünïcødé 😀", pictures=(1, 2)),), ("told",))
    assert storable(page, local_files=False) == page
    many = replace(page.posts[0], media=tuple(MediaRef(str(n), "https://a.example") for n in range(60)))
    assert len(storable(ParsedPage((many,), ()), local_files=False).posts[0].media) == 50
