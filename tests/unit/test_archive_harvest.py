"""An archive through the whole harvest: store, pictures, scores; killed, run twice, hostile."""

import gzip
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from archive_files import COLUMNS, FIRST, STEP, account_line, crisismmd, flat_line, frame_line, page_line, row, write
from click.testing import CliRunner
from drawn import encoded, picture, tree
from harvest_world import EARTHQUAKE, FakeEngine, host, impatient, new_store, params, rows

from quakelens.cli.main import program
from quakelens.harvest import PagesResult, fetch_pending, harvest_pages, score_pending
from quakelens.harvest.summary import summarise
from quakelens.media.fetch import Fetched, FetchFailure, FetchJob, Limits
from quakelens.media.local import read_all
from quakelens.purge.remove import complete
from quakelens.settings import Settings, Workspace
from quakelens.sources.archives.source import ArchiveSource
from quakelens.sources.available import open_source
from quakelens.sources.post import Gone
from quakelens.store import Store
from quakelens.store.known import Known
from quakelens.store.removal import remove_posts

QUAKE = replace(EARTHQUAKE, origin_time=datetime(2017, 11, 12, 18, 18, tzinfo=UTC))
LATER = QUAKE.origin_time + timedelta(days=900)
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "replay" / "crisismmd_earthquakes.jsonl"


def harvest(store: Store, path: Path, folder: Path, **more: object) -> PagesResult:
    source = ArchiveSource(path, known=Known(store, "bluesky"))
    return harvest_pages(
        store, source, QUAKE, params(max_posts=10).harvest, folder / "pages", LATER, patience=impatient(),
        queries=source.queries(None), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_crisismmd_from_the_files_to_the_scores(tmp_path: Path) -> None:
    crisismmd(tmp_path / "set", posts=4)
    before = tree(tmp_path / "set")
    store = new_store(tmp_path)
    result = harvest(store, tmp_path / "set", tmp_path)
    assert (result.state, result.new_posts, result.pages, result.cost_usd) == ("done", 4, 1, 0.0)
    media = fetch_pending(store, QUAKE.id, tmp_path / "media", params())
    assert (media.media, media.fetched, media.failed) == (5, 5, 0)
    engine = FakeEngine()
    scored = score_pending(store, QUAKE.id, engine, tmp_path / "media", tmp_path / "heat", batch_size=2)
    assert scored.scored == 5 and len(set(engine.seen)) == 5
    assert tree(tmp_path / "set") == before, "the user's own archive is only read"


def test_an_import_run_twice_changes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", *(flat_line(number) for number in range(1200)), "garbage")
    store = new_store(tmp_path)
    first = harvest(store, file, tmp_path)
    assert (first.new_posts, first.pages, len(first.problems)) == (1200, 3, 1), "harvest.max_posts is not for archives"
    before, files = rows(store), tree(tmp_path / "pages")
    second = harvest(store, file, tmp_path)
    assert (second.new_posts, second.pages, second.requests) == (0, 0, 0)
    assert rows(store) == before and tree(tmp_path / "pages") == files
    write(file, *(flat_line(number) for number in range(1300)))
    third = harvest(store, file, tmp_path)
    assert (third.new_posts, third.posts) == (100, 1300), "an archive that has grown is read again, posts stay one"


def test_posts_of_any_time_are_kept_and_those_from_before_are_marked(tmp_path: Path) -> None:
    rows_ = [row(0), row(1), row(-200), row(3000)]  # about 17 minutes apart: days before, a month after
    store = new_store(tmp_path)
    result = harvest(store, write(tmp_path / "t.tsv", "\t".join(COLUMNS), *rows_), tmp_path)
    assert result.posts == 3
    links = rows(store, "earthquake_posts")["earthquake_posts"]
    assert sorted(bool(link[-1]) for link in links) == [False, False, False, True]


class KilledError(BaseException):
    """The process ends here."""


def test_an_import_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    lines = [flat_line(number) if number % 10 else "garbage" for number in range(3000)]
    file = write(tmp_path / "a.jsonl", *lines)
    undisturbed = new_store(tmp_path / "undisturbed")
    harvest(undisturbed, file, tmp_path / "undisturbed")
    store, reads = new_store(tmp_path), []

    class Counting(ArchiveSource):
        def search(self, *arguments: object, **asked: object):  # type: ignore[no-untyped-def]
            reads.append(asked["next_token"])
            if len(reads) in (3, 6):
                raise KilledError
            return super().search(*arguments, **asked)  # type: ignore[arg-type]

    def kill_when_stored(pages: int, _: int) -> None:
        if len(reads) == 4:
            raise KilledError

    for _ in range(4):
        source = Counting(file)
        try:
            harvest_pages(
                store, source, QUAKE, params().harvest, tmp_path / "pages", LATER, patience=impatient(),
                queries=source.queries(None), on_page=kill_when_stored,  # type: ignore[arg-type]
            )  # fmt: skip
        except KilledError:
            continue
    assert rows(store) == rows(undisturbed)
    assert tree(tmp_path / "pages").keys() == tree(tmp_path / "undisturbed" / "pages").keys()
    assert len(reads) == 7 + 2, "seven pages, the last of them empty, and two searches that were killed"


def test_two_archives_of_one_earthquake_share_their_posts(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    harvest(store, write(tmp_path / "a.jsonl", page_line(1, 2), page_line(3)), tmp_path)
    result = harvest(store, write(tmp_path / "b.jsonl", flat_line(3), flat_line(4)), tmp_path)
    assert (result.new_posts, result.posts) == (1, 4)
    assert len(rows(store, "media")["media"]) == 4


def test_pictures_of_xs_posts_come_by_https_and_only_they_ask_the_network(tmp_path: Path) -> None:
    crisismmd(tmp_path / "set")
    store = new_store(tmp_path)
    harvest(store, tmp_path / "set", tmp_path)
    harvest(store, write(tmp_path / "a.jsonl", flat_line(1)), tmp_path)
    asked: list[str] = []

    def fetch(jobs):  # type: ignore[no-untyped-def]
        jobs = list(jobs)
        asked.extend(job.url for job in jobs)
        return host(tmp_path / "media")([replace(job, url="https://host.example/9") for job in jobs])

    result = fetch_pending(store, QUAKE.id, tmp_path / "media", params(), fetch=fetch)
    assert asked == ["https://pbs.twimg.com/media/p1?format=jpg&name=large"]
    assert (result.media, result.fetched) == (5, 5)


def test_bluesky_deletions_of_an_archive_are_told_with_their_network(tmp_path: Path) -> None:
    told: list[tuple[str, Gone]] = []
    store = new_store(tmp_path)
    harvest(store, write(tmp_path / "a.jsonl", frame_line(1), frame_line(2)), tmp_path)
    later = write(tmp_path / "b.jsonl", frame_line(1, "delete"), frame_line(9, "delete"), account_line(4, "did:plc:x"))
    harvest(store, later, tmp_path, on_gone=lambda network, gone: told.append((network, gone)))
    ((network, gone),) = told
    assert network == "bluesky" and {uri[-2:] for uri in gone.posts} == {"k1"} and not gone.authors


def test_pictures_that_cannot_be_read_are_rows_with_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(encoded(picture(5)))
    crisismmd(folder, posts=7)
    pictures = sorted((folder / "data_image").rglob("*.jpg"))
    names = {path.name: path for path in pictures}

    def at(number: int) -> Path:
        return names[f"{FIRST + number * STEP}_0.jpg"]

    at(1).unlink()
    at(2).write_bytes(b"no picture")
    at(3).write_bytes(b"")
    at(4).unlink()
    at(4).symlink_to(secret)
    at(5).unlink()
    os.mkfifo(at(5))
    at(6).write_bytes(encoded(picture(6, (4000, 3000)), quality=100))
    store = new_store(tmp_path)
    harvest(store, folder, tmp_path)
    small = params()
    small = small.model_copy(update={"media": small.media.model_copy(update={"max_pixels": 1_000_000})})
    result = fetch_pending(store, QUAKE.id, tmp_path / "media", small)
    assert (result.fetched, result.failed) == (2, 6)
    columns = [column.name for column in rows_columns()]
    reasons = {
        values["key"]: values["reason"]
        for values in (dict(zip(columns, found, strict=True)) for found in rows(store, "media")["media"])
        if values["status"] == "failed"
    }
    assert [reasons[at(number).stem] for number in (1, 2, 3, 4, 5, 6)] == [
        "gone", "not_an_image", "empty", "forbidden_address", "unsupported", "too_large",
    ]  # fmt: skip
    at(1).write_bytes(encoded(picture(1)))
    again = fetch_pending(store, QUAKE.id, tmp_path / "media", small)
    assert again.fetched == 3, "a picture that is put there later is read by the next run"


def rows_columns():  # type: ignore[no-untyped-def]
    from quakelens.store.tables import media

    return [column for column in media.c if column.name not in {"tried_at"}]


def test_a_folder_of_pictures_is_scored(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(encoded(picture(number), "PNG"))
    (tmp_path / "pictures" / "9.bmp").write_bytes(encoded(picture(9), "BMP"))
    store = new_store(tmp_path)
    assert harvest(store, tmp_path / "pictures", tmp_path).posts == 4
    result = fetch_pending(store, QUAKE.id, tmp_path / "media", params())
    assert (result.fetched, result.failed) == (4, 0)
    summary = summarise(store, QUAKE.id, model_version="3", new_posts=4, run_cost_usd=0.0, report=None)
    assert (summary.posts, summary.media, summary.skipped_lines) == (4, 4, 0)


def test_skipped_lines_are_in_the_summary(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    harvest(store, write(tmp_path / "a.jsonl", flat_line(1), "x", "y", flat_line(2)[:-9], end=""), tmp_path)
    summary = summarise(store, QUAKE.id, model_version="3", new_posts=1, run_cost_usd=0.0, report=None)
    assert (summary.posts, summary.skipped_lines) == (1, 3)


def test_what_is_purged_is_nowhere_but_in_the_users_own_archive(tmp_path: Path) -> None:
    home, workspace = tmp_path / "home", Workspace(tmp_path / "work")
    crisismmd(home / "set")
    write(home / "x.jsonl", page_line(1, 2), flat_line(3), flat_line(4, author_id="13"))
    write(home / "sky.jsonl", frame_line(1), frame_line(2))
    before, store = tree(home), new_store(workspace.root / "data")

    def bring(name: str) -> PagesResult:
        source = ArchiveSource(home / name)
        return harvest_pages(
            store, source, QUAKE, params().harvest, workspace.pages, LATER, queries=source.queries(None),  # type: ignore[arg-type]
            patience=impatient(),
        )  # fmt: skip

    for name in ("set", "x.jsonl", "sky.jsonl"):
        bring(name)
    fetch_pending(store, QUAKE.id, workspace.media, params(), fetch=lambda jobs: iter(()))
    gone = {
        "x": Gone(frozenset({str(FIRST), "1000000000000000001"}), frozenset({"13"})),
        "bluesky": Gone(frozenset({"at://did:plc:ayse/app.bsky.feed.post/k1"})),
    }
    pictures = [path.read_bytes() for path in (home / "set").rglob(f"{FIRST}_*.jpg")]
    for network, each in gone.items():
        remove_posts(store, network, each, LATER, params().duplicates)
    done = complete(store, workspace, Settings(workspace=workspace.root), LATER)
    assert done.problems == () and (done.pages, done.files) == (3, 2)
    write(home / "x.jsonl", page_line(1, 2), flat_line(3), flat_line(4, author_id="13"), flat_line(5))
    assert bring("x.jsonl").new_posts == 1, "and what was removed does not come back"
    complete(store, workspace, Settings(workspace=workspace.root), LATER)
    store.close()
    left = [gzip.decompress(data) if name.endswith(".gz") else data for name, data in tree(workspace.root).items()]
    for words in (b'said "0"', b"said &quot;0", b"words 1", b"words 4", b"sky 1", *pictures):
        assert not any(words in data for data in left)
    for words in (b'said "1"', b"words 2", b"words 3", b"words 5", b"sky 2"):
        assert any(words in data for data in left)
    del before["x.jsonl"]
    assert {name: data for name, data in tree(home).items() if name != "x.jsonl"} == before


@pytest.mark.parametrize("path", ["a.jpg", "/tmp/../etc/hostname", "file:///etc/hostname", "/nonexistent\0/x"])
def test_only_plain_absolute_paths_are_read(tmp_path: Path, path: str) -> None:
    limits = Limits(max_bytes=1000, max_pixels=1000, timeout_s=1, connections=1, attempts=1)
    (result,) = read_all([FetchJob("k", path)], tmp_path, limits)
    assert isinstance(result, FetchFailure) and result.reason in ("forbidden_address", "unsupported")


def test_the_limit_of_bytes_holds_for_files(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(encoded(picture(1)))
    big, small = (Limits(n, 10**6, 1, 1, 1) for n in (file.stat().st_size, file.stat().st_size - 1))
    (kept,) = read_all([FetchJob("k", str(file))], tmp_path / "media", big)
    assert isinstance(kept, Fetched) and (tmp_path / "media" / kept.path).read_bytes() == file.read_bytes()
    (refused,) = read_all([FetchJob("k", str(file))], tmp_path / "media", small)
    assert isinstance(refused, FetchFailure) and (refused.reason, refused.final) == ("too_large", True)


def test_the_command_line_takes_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quakelens.errors import UsageError

    file = write(tmp_path / "a.jsonl", flat_line(1))
    source = open_source(f"archive:{file}", Settings(), params().harvest, new_store(tmp_path))
    assert source.name.startswith("archive:a.jsonl-")
    for wrong in ("archive:", f"archive:{tmp_path / 'missing'}"):
        with pytest.raises(UsageError, match="archive"):
            open_source(wrong, Settings(), params().harvest)
    feature = {
        "type": "Feature", "id": "us1", "geometry": {"type": "Point", "coordinates": [1.0, 2.0, 3.0]},
        "properties": {"mag": 7.0, "time": 1_510_510_000_000, "updated": 1_510_510_000_000, "place": "there"},
    }  # fmt: skip
    quake = tmp_path / "quake.json"
    quake.write_text(json.dumps(feature))
    monkeypatch.setenv("QUAKELENS_WORKSPACE", str(tmp_path))
    (tmp_path / "params.yaml").write_text((Path(__file__).parents[2] / "params.yaml").read_text())
    ran = CliRunner().invoke(program, ["harvest", str(quake), "--source", f"archive:{file}", "--dry-run", "--json"])
    assert ran.exit_code == 0, ran.output
    (told,) = json.loads(ran.stdout)["sources"]
    assert told["max_usd"] == 0 and str(file) in told["queries"][0]["query"]


@pytest.mark.skipif(not CORPUS.is_file(), reason="a check with real texts, where they are at hand")
def test_real_texts_of_crisismmd(tmp_path: Path) -> None:
    items = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    cells = [
        {**{name: str(item.get(name) or "") for name in COLUMNS}, "tweet_id": item["id"], "tweet_text": item["text"]}
        for item in items
    ]
    usable = [each for each in cells if not {"\t", "\n", "\r"} & set("".join(each.values()))]
    lines = ["\t".join(each[name] for name in COLUMNS) for each in usable]
    store = new_store(tmp_path)
    result = harvest(store, write(tmp_path / "t.tsv", "\t".join(COLUMNS), *lines), tmp_path)
    ids = {each["tweet_id"] for each in usable}
    assert len(usable) > 1000 and result.problems == ()
    stored = {str(found[1]): found for found in rows(store, "posts")["posts"]}
    assert stored.keys() == ids
    for item in items:
        if item["id"] in stored:
            assert datetime.fromisoformat(item["created_at_from_id"]) in stored[item["id"]]
    assert len(rows(store, "media")["media"]) == len({each["image_id"] for each in usable})
