"""CrisisMMD: a table of posts of X with labels, and their pictures in a folder beside it.

A row is one picture of one post; fields are divided by tabs and never quoted. The labels are not read: they are
of that data set, not decisions of a model of ours.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from quakelens.sources.archives.lines import NotReadable, x_time
from quakelens.sources.archives.page import Head
from quakelens.sources.post import MediaRef, ParsedPage, Post

_PICTURES = "data_image"  # the folder's name in the data set


def cells_of(columns: Sequence[str], data: bytes) -> dict[str, str]:
    """The fields of a row by column.

    Raises:
        NotReadable: It has another number of fields, is not UTF-8, or names no post of X.
    """
    try:
        cells = data.decode("utf-8").split("\t")
    except UnicodeDecodeError:
        raise NotReadable("it is not UTF-8") from None
    if len(cells) != len(columns):
        raise NotReadable(f"it has {len(cells)} fields and not {len(columns)}")
    row = dict(zip(columns, cells, strict=True))
    time = x_time(row["tweet_id"])
    if time is None or time > datetime.now(UTC) + timedelta(days=1):
        raise NotReadable("its tweet_id is no id of X")
    return row


def root_of(root: Path, table: str) -> Path:
    """The folder to which a table's picture paths are relative: the next one upwards that holds the pictures.

    Args:
        root: Of the archive; for a table that was named itself, its folder.
        table: Below `root`.
    """
    folder = (root / table).parent
    while not (folder / _PICTURES).is_dir() and folder not in (root, folder.parent):
        folder = folder.parent
    if not (folder / _PICTURES).is_dir() and folder == root and (root.parent / _PICTURES).is_dir():
        return root.parent  # `annotations/` was named, or a table in it: the pictures lie beside it
    return folder if (folder / _PICTURES).is_dir() else (root / table).parent


def parse(head: Head, lines: Sequence[bytes]) -> ParsedPage:
    """The posts of rows, those of one post together, with their pictures as files."""
    posts: dict[str, Post] = {}
    problems = list(head.problems)
    for line in lines:
        try:
            row = cells_of(head.columns, line)
        except NotReadable as error:
            problems.append(f"{head.file}: a row was left out: {error}")
            continue
        post = posts.get(row["tweet_id"]) or _post(row)
        try:
            refs = (*post.media, _picture(head, row))
        except NotReadable as error:
            refs = post.media
            problems.append(f"{head.file}: post {post.id}: {error}")
        posts[post.id] = replace(post, media=tuple(dict.fromkeys(refs)))
    return ParsedPage(tuple(posts.values()), tuple(problems))


def redacted(head: Head, lines: Sequence[bytes], posts: Collection[str]) -> list[bytes]:
    """The rows without those of some posts. The table names no authors."""
    kept = []
    for line in lines:
        try:
            if cells_of(head.columns, line)["tweet_id"] not in posts:
                kept.append(line)
        except NotReadable:
            continue
    return kept


def below(root: str, relative: str) -> str:
    """A file below a folder, by a relative path that a stranger wrote; absolute.

    Links on the way are found when the file is opened.

    Raises:
        NotReadable: The path is absolute or leads upwards.
    """
    path = PurePosixPath(relative)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in relative or "\0" in relative:
        raise NotReadable("its picture has no path below the archive's folder")
    return (PurePosixPath(root) / path).as_posix()


def _post(row: Mapping[str, str]) -> Post:
    time = x_time(row["tweet_id"])
    assert time is not None
    return Post(
        source="x",
        id=row["tweet_id"],
        created_at=time,
        text=html.unescape(row["tweet_text"]),
        url=f"https://x.com/i/status/{row['tweet_id']}",
    )


def _picture(head: Head, row: Mapping[str, str]) -> MediaRef:
    path = row.get("image_path") or row.get("image") or ""
    if not row["image_id"]:
        raise NotReadable("its picture has no image_id")
    return MediaRef(key=row["image_id"], url=below(head.root, path), kind="file")
