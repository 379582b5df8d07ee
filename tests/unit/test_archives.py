"""What is read of archives in each form, and what of them is left out."""

import gzip
import io
import json
import os
import random
import tracemalloc
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest
from archive_files import (
    COLUMNS,
    FIRST,
    STEP,
    account_line,
    crisismmd,
    flat_line,
    frame_line,
    page_line,
    row,
    stream_line,
    tweet,
    write,
)
from drawn import encoded, picture

from quakelens.errors import SourceRefused, SourceUnavailable, UsageError
from quakelens.sources import Page, Post
from quakelens.sources.archives import reading
from quakelens.sources.archives.find import find
from quakelens.sources.archives.payload import parse_page, redact_page
from quakelens.sources.archives.source import ArchiveSource

START = datetime(2023, 2, 6, tzinfo=UTC)


def pages(source: ArchiveSource, token: str | None = None) -> list[Page]:
    found = []
    while True:
        found.append(
            source.search(
                source.queries(None)[0],  # type: ignore[arg-type]  # not looked at
                start_time=START,
                end_time=None,
                since_id=None,
                next_token=token,
                page_size=500,
            )
        )
        token = found[-1].next_token
        if token is None:
            return found


def read(path: Path) -> tuple[list[Post], list[str]]:
    parsed = [parse_page(page.raw) for page in pages(ArchiveSource(path))]
    return [post for each in parsed for post in each.posts], [told for each in parsed for told in each.problems]


def test_the_three_shapes_of_twarc2_give_the_same_posts(tmp_path: Path) -> None:
    shapes = {
        "pages": [page_line(1, 2), page_line(3)],
        "flat": [flat_line(1), flat_line(2), flat_line(3)],
        "stream": [stream_line(1), stream_line(2), stream_line(3)],
    }
    found = {name: read(write(tmp_path / f"{name}.jsonl", *lines)) for name, lines in shapes.items()}
    assert all(problems == [] for _, problems in found.values())
    assert found["pages"][0] == found["flat"][0]
    first = found["pages"][0][0]
    assert (first.source, first.id, first.text, first.author) == ("x", "1000000000000000001", "words 1", "ayse")
    assert (first.place, first.latitude, first.location_kind) == ("Hatay", 36.5, "place")
    (ref,) = first.media
    assert (ref.key, ref.kind, ref.url) == ("3_1", "photo", "https://pbs.twimg.com/media/p1?format=jpg&name=large")
    for with_place, without in zip(found["pages"][0], found["stream"][0], strict=True):
        assert (without.id, without.media, without.author) == (with_place.id, with_place.media, with_place.author)


def test_shapes_may_change_from_line_to_line(tmp_path: Path) -> None:
    file = write(tmp_path / "mixed.jsonl", page_line(1, 2), flat_line(3), "", stream_line(4), f"[{flat_line(5)}]",
                 frame_line(6), json.dumps({"meta": {"result_count": 0}}))  # fmt: skip
    posts, problems = read(file)
    assert [post.text for post in posts] == ["words 1", "words 2", "words 3", "words 4", "words 5", "sky 6"]
    assert problems == []


def test_what_cannot_be_read_is_counted_and_the_rest_is_whole(tmp_path: Path) -> None:
    lines = [
        flat_line(1), "garbage", '{"data": [{"id": "9", "te', "[1, 2]", "null", '{"user": "no post"}',
        '{"id": 5, "text": "v1.1"}', "[" * 100_000, flat_line(2), '{"data": [{"id": "3"}, "x"]}', stream_line(4)[:-30],
    ]  # fmt: skip
    file = write(tmp_path / "a.jsonl", *lines, end="")
    posts, problems = read(file)
    assert [post.text for post in posts] == ["words 1", "words 2"]
    told = [each for each in problems if each.startswith("a.jsonl line")]
    assert [int(each.split()[2]) for each in told] == [2, 3, 4, 4, 5, 6, 7, 8, 11]
    assert len(problems) == len(told) + 2, "both items of line 10 are problems of their own"
    assert "words" not in "".join(problems), "no words of posts are repeated"
    (page,) = pages(ArchiveSource(file))
    assert b"garbage" not in page.raw and b"no post" not in page.raw
    assert stream_line(4)[:60].encode() not in page.raw, "what nobody can tell apart is not kept"


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_line_ends_and_byte_order_marks(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + (flat_line(1) + (ending or "\n") + flat_line(2) + ending).encode())
    posts, problems = read(file)
    assert (len(posts), problems) == (2, [])


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\xff\xfe\x00\n" + flat_line(1).encode() + b"\n\x00\x00\n" + os.urandom(500).replace(b"\n", b""))
    posts, problems = read(file)
    assert len(posts) == 1 and len(problems) == 3


def test_a_line_without_end_is_passed_over_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LINE", 1_000_000)
    file = tmp_path / "a.jsonl"
    with file.open("wb") as out:
        out.write(flat_line(1).encode() + b"\n")
        for _ in range(40):
            out.write(b"x" * 1_000_000)
        out.write(b"\n" + flat_line(2).encode() + b"\n")
    source = ArchiveSource(file)
    tracemalloc.start()
    (page,) = pages(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    parsed = parse_page(page.raw)
    assert [post.text for post in parsed.posts] == ["words 1", "words 2"]
    assert parsed.problems == ("a.jsonl line 2 was left out: it is longer than 1,000,000 bytes",)
    assert peak < 8_000_000


def test_gzip_by_content_also_of_several_members(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(gzip.compress(flat_line(1).encode() + b"\n") + gzip.compress(flat_line(2).encode()) + b"\0\0")
    assert [post.text for post in read(file)[0]] == ["words 1", "words 2"]


def test_damaged_gzip_is_read_up_to_the_damage(tmp_path: Path) -> None:
    packed, noise = io.BytesIO(), random.Random(20221)
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as out:
        for number in range(900):
            out.write(flat_line(number, noise=noise.randbytes(200).hex()).encode() + b"\n")
    data = packed.getvalue()
    for name, content, told in (
        ("cut", data[:-5000], "cut off"),
        ("flipped", data[: len(data) // 2] + b"\xff" * 40 + data[len(data) // 2 + 40 :], "damaged from here"),
    ):
        file = tmp_path / f"{name}.gz"
        file.write_bytes(content)
        posts, problems = read(file)
        assert 200 < len(posts) < 900  # what was unpacked in one go with the damage is lost with it
        assert told in problems[-1] and all("words" not in each for each in problems)
    file = tmp_path / "no.gz"
    file.write_bytes(b"\x1f\x8bno gzip")
    assert len(read(file)[1]) == 1


def test_pages_of_x_one_a_file_or_many(tmp_path: Path) -> None:
    one = tmp_path / "page.json"
    one.write_text(json.dumps(json.loads(page_line(1, 2)), indent=2))
    assert len(read(one)[0]) == 2
    folder = tmp_path / "folder"
    write(folder / "b" / "2.json", json.dumps(json.loads(page_line(3)), indent=1))
    write(folder / "1.json", page_line(1, 2), page_line(4))
    write(folder / "list.json", json.dumps([json.loads(flat_line(5)), "no", json.loads(page_line(6))], indent=1))
    (folder / "3.json.gz").write_bytes(gzip.compress(json.dumps(json.loads(page_line(7)), indent=1).encode()))
    write(folder / "README.md", "not read")
    write(folder / ".hidden.json", flat_line(8))
    (folder / "link.json").symlink_to(one)
    posts, problems = read(folder)
    assert [post.text[-1] for post in posts] == ["1", "2", "4", "7", "3", "5", "6"]
    assert problems == ["list.json was left out: it is no JSON object"]


def test_posts_without_a_time_have_that_of_their_id(tmp_path: Path) -> None:
    bare = json.dumps({"data": [{"id": "1622407998473650177", "text": "bare"}]})
    old = json.dumps({"data": [{"id": "123", "text": "old"}]})
    user = json.dumps({"data": [{"id": "1622407998473650177", "username": "no post"}]})
    posts, problems = read(write(tmp_path / "a.jsonl", bare, old, user))
    assert [post.created_at.isoformat()[:16] for post in posts] == ["2023-02-06T01:33"]
    assert len(problems) == 2


def test_no_line_names_a_file_of_this_machine(tmp_path: Path) -> None:
    hostile = {"media_key": "3_9", "type": "file", "kind": "file", "url": "file:///etc/passwd"}
    photo = {**hostile, "media_key": "3_8", "type": "photo"}
    line = json.dumps(
        {**tweet(1), "kind": "file", "attachments": {"media_keys": ["3_9", "3_8"], "media": [hostile, photo]}}
    )
    posts, _ = read(write(tmp_path / "a.jsonl", line))
    assert [each.kind for each in posts[0].media] == ["photo"]


class Keeps:
    """A store that keeps some posts and authors of Bluesky."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)

    def posts(self, ids: Collection[str]) -> set[str]:
        return self.ids & set(ids)

    def authors(self, ids: Collection[str]) -> set[str]:
        return self.ids & set(ids)


def test_jetstream_keeps_pictures_and_deletions_of_what_is_kept(tmp_path: Path) -> None:
    stranger = "did:plc:stranger"
    file = write(
        tmp_path / "stream.jsonl", frame_line(1), frame_line(2, picture=False), frame_line(3),
        frame_line(3, "delete"), frame_line(50, "delete"), frame_line(51, "delete"), account_line(60, stranger),
        account_line(61, "did:plc:kept"),
        json.dumps({"did": stranger, "time_us": 5, "kind": "identity", "identity": {}}),
        json.dumps({"did": stranger, "kind": "commit"}),
    )  # fmt: skip
    known = Keeps("at://did:plc:ayse/app.bsky.feed.post/k50", "did:plc:kept")
    (page,) = pages(ArchiveSource(file, known=known))
    parsed = parse_page(page.raw)
    assert [(post.source, post.text) for post in parsed.posts] == [("bluesky", "sky 1")]
    assert parsed.posts[0].media[0].url.startswith("https://cdn.bsky.app/")
    assert {uri.rpartition("/")[2] for uri in parsed.gone.posts} == {"k3", "k50"}
    assert (parsed.gone.authors, parsed.gone.source) == ({"did:plc:kept"}, "bluesky")
    assert len(parsed.problems) == 1 and "line 10" in parsed.problems[0]
    assert stranger.encode() not in page.raw and b"sky 2" not in page.raw


def test_crisismmd_posts_have_their_pictures_and_the_time_of_their_id(tmp_path: Path) -> None:
    crisismmd(tmp_path)
    posts, problems = read(tmp_path)
    assert problems == []
    first = posts[0]
    assert (len(posts), first.source, first.id) == (3, "x", str(FIRST))
    assert first.text == 'said "0" & left'
    assert first.created_at.isoformat() == "2017-11-13T08:28:36.794000+00:00"
    assert first.url == f"https://x.com/i/status/{FIRST}"
    assert [(each.key, each.kind) for each in first.media] == [(f"{FIRST}_0", "file"), (f"{FIRST}_1", "file")]
    assert all(Path(each.url).is_file() for post in posts for each in post.media)


@pytest.mark.parametrize("named", ["", "annotations", "annotations/drawn_quake_final_data.tsv"])
def test_crisismmd_by_folder_or_table(tmp_path: Path, named: str) -> None:
    crisismmd(tmp_path / "set")
    posts, problems = read(tmp_path / "set" / named)
    assert (len(posts), problems) == (3, [])
    assert all(Path(each.url).is_file() for post in posts for each in post.media)


def test_crisismmd_rows_that_cannot_be_read(tmp_path: Path) -> None:
    bad = [
        row(1)[:40], row(2) + "\textra", row(3, tweet_id="abc"), row(4, tweet_id="12"), row(5, tweet_id="9" * 19),
        row(6, image_path="/etc/passwd"), row(7, image_path="../../secret.jpg"), row(8, image_path=""),
        row(9, image_id=""), row(10, image_path="data_image\\x.jpg"),
    ]  # fmt: skip
    file = write(tmp_path / "t.tsv", "\t".join(COLUMNS), row(0), *bad, row(11))
    posts, problems = read(file)
    assert [int(post.id) for post in posts] == [FIRST + each * STEP for each in (0, 6, 7, 8, 9, 10, 11)]
    assert [bool(post.media) for post in posts] == [True, False, False, False, False, False, True]
    assert len(problems) == len(bad)


def test_quotes_in_a_table_are_only_characters(tmp_path: Path) -> None:
    file = write(tmp_path / "t.tsv", "\t".join(COLUMNS), row(0, tweet_text='"open'), row(1, tweet_text='a "b" c"'))
    assert [post.text for post in read(file)[0]] == ['"open', 'a "b" c"']


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for name in ("b.JPG", "sub/a.png", ".hidden.jpg", "notes.txt.bak"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded(picture(len(name))))
    (tmp_path / "same.jpeg").write_bytes((tmp_path / "b.JPG").read_bytes())
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b.JPG")
    before = datetime.now(UTC)
    posts, problems = read(tmp_path)
    assert problems == []
    assert [(post.source, post.text) for post in posts] == [("files", "b.JPG"), ("files", "sub/a.png")]
    assert all(post.id == post.media[0].key and len(post.id) == 64 and post.url == "" for post in posts)
    assert all(before <= post.created_at <= datetime.now(UTC) for post in posts)
    assert posts[0].media[0].url == str(tmp_path / "b.JPG")


def test_an_empty_file_is_an_archive_without_posts(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.json"):
        file = tmp_path / name
        file.write_bytes(b"")
        assert read(file) == ([], [])


def test_what_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.jsonl", tmp_path / "missing" / "folder", tmp_path):
        with pytest.raises(UsageError, match=f"archive {path}"):
            ArchiveSource(path)
    with pytest.raises(UsageError, match="CrisisMMD"):
        ArchiveSource(write(tmp_path / "other.tsv", "a\tb", "1\t2"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="neither"):
        ArchiveSource(tmp_path / "pipe")


def test_a_file_that_goes_away_meanwhile(tmp_path: Path) -> None:
    source = ArchiveSource(write(tmp_path / "a.jsonl", flat_line(1)))
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(SourceUnavailable, match=r"a\.jsonl"):
        pages(source)


def test_reading_goes_on_from_any_place_with_another_object(tmp_path: Path) -> None:
    lines = [flat_line(number) if number % 7 else "garbage" for number in range(2100)]
    plain = write(tmp_path / "a.jsonl", *lines)
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for file in (plain, packed):
        whole = pages(ArchiveSource(file))
        assert len(whole) == 5
        for number, page in enumerate(whole[:-1]):
            rest = pages(ArchiveSource(file), page.next_token)
            assert [each.raw for each in rest] == [each.raw for each in whole[number + 1 :]]
        assert parse_page(whole[2].raw).problems[0].startswith(f"{file.name} line 1002 was left out")
    with pytest.raises(SourceRefused):
        pages(ArchiveSource(plain), "5:0:0")
    with pytest.raises(SourceRefused):
        pages(ArchiveSource(plain), "nonsense")


def test_an_archive_that_changed_is_another_one(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", flat_line(1))
    before, again = find(file), find(file)
    assert before == again
    write(file, flat_line(1), flat_line(2))
    after = find(file)
    assert before.name == after.name and before.query != after.query
    other = find(write(tmp_path / ("n" * 150 + "ş.jsonl"), flat_line(1)))
    assert other.name != before.name and len(other.name) <= 50 and other.name.startswith("archive:")


def test_redaction_of_every_shape(tmp_path: Path) -> None:
    quoting = flat_line(5, referenced_tweets=[{"type": "quoted", "id": "99", "text": "quoted words", "author_id": "8"}])
    file = write(
        tmp_path / "a.jsonl", page_line(1, 2), flat_line(3), stream_line(4), quoting, frame_line(6), frame_line(7),
        flat_line(8).replace('"7"', '"13"').replace("words 8", "of the author"),
    )  # fmt: skip
    (page,) = pages(ArchiveSource(file))
    posts = {
        "1000000000000000001",
        "1000000000000000003",
        "1000000000000000004",
        "at://did:plc:ayse/app.bsky.feed.post/k6",
    }
    clean = redact_page(page.raw, posts=posts, authors={"13", "8"})
    for gone in (b"words 1", b"words 3", b"words 4", b"sky 6", b"of the author", b"quoted words", b"media/p1"):
        assert gone in page.raw and gone not in clean
    assert [post.text for post in parse_page(clean).posts] == ["words 2", "words 5", "sky 7"]
    assert redact_page(clean, posts=posts, authors={"13", "8"}) == clean
    assert redact_page(page.raw, posts=(), authors=()) == page.raw
    assert redact_page(page.raw, posts={"555555"}, authors={"666666"}) == page.raw, (
        "lines that hold none of it stay as they are"
    )


def test_redaction_of_tables_and_pictures(tmp_path: Path) -> None:
    crisismmd(tmp_path / "set")
    (page,) = pages(ArchiveSource(tmp_path / "set"))
    clean = redact_page(page.raw, posts={str(FIRST)}, authors=())
    assert str(FIRST).encode() not in clean and len(parse_page(clean).posts) == 2
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        (tmp_path / "pictures" / f"{number}.jpg").write_bytes(encoded(picture(number)))
    (page,) = pages(ArchiveSource(tmp_path / "pictures"))
    posts = parse_page(page.raw).posts
    clean = redact_page(page.raw, posts={posts[1].id}, authors=())
    assert [post.text for post in parse_page(clean).posts] == ["0.jpg", "2.jpg"]
    assert redact_page(b"no page", posts=(), authors=()) == b""


@pytest.mark.parametrize("value", [None, 5, "x", [None], {"tweets": None, "users": 3}])
def test_strange_includes_do_not_stop_a_redaction(tmp_path: Path, value: object) -> None:
    line = json.dumps({"data": [tweet(1), tweet(2)], "includes": value})
    (page,) = pages(ArchiveSource(write(tmp_path / "a.jsonl", line)))
    assert b"words 1" not in redact_page(page.raw, posts={tweet(1)["id"]}, authors=())


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of a process is read from /proc")
def test_200_000_lines_take_flat_memory(tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    line = flat_line(1).encode() + b"\n"
    with file.open("wb") as out:
        for _ in range(200):
            out.write(line * 999 + b"garbage\n")
    source = ArchiveSource(file)
    sizes, count, token = [], 0, None
    while True:
        page = source.search("", start_time=START, end_time=None, since_id=None, next_token=token, page_size=500)
        count += page.raw.count(b"\n") - 1
        token = page.next_token
        sizes.append(resident_mb())
        if token is None:
            break
    assert (count, len(sizes)) == (199_800, 401)
    assert max(sizes) - sizes[20] < 20
