"""Archives drawn and written for tests, in every form that is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drawn import encoded, picture

_LABELS = ("text_info", "image_info", "text_human", "image_human", "image_damage")
COLUMNS = [
    "tweet_id", "image_id", *(name + end for name in _LABELS for end in ("", "_conf")), "tweet_text", "image_url",
    "image_path",
]  # fmt: skip
FIRST = 929989361453621249  # 2017-11-13, 08:28:36 UTC
STEP = 1 << 42  # about 17 minutes


def tweet(number: int, **more: Any) -> dict[str, Any]:
    time = f"2023-02-06T02:{number % 60:02d}:00.000Z"
    return {"id": str(10**18 + number), "text": f"words {number}", "created_at": time, "author_id": "7", **more}


def media(number: int, **more: Any) -> dict[str, Any]:
    url = f"https://pbs.twimg.com/media/p{number}.jpg"
    return {"media_key": f"3_{number}", "type": "photo", "url": url, "width": 800, "height": 600, **more}


USER = {"id": "7", "username": "ayse", "name": "Ayşe"}
PLACE = {"id": "p1", "full_name": "Hatay", "country_code": "TR", "geo": {"type": "Feature", "bbox": [36, 36, 37, 37]}}
TWARC = {"__twarc": {"url": "https://api.twitter.com/2/tweets/search/all", "version": "2.14.1"}}


def page_line(*numbers: int) -> str:
    """A page a line, as twarc2 writes a search."""
    data = [
        tweet(each, attachments={"media_keys": [f"3_{each}"]}, geo={"place_id": "p1"}) for each in numbers
    ]  # fmt: skip
    includes = {"media": [media(each) for each in numbers], "users": [USER], "places": [PLACE]}
    return json.dumps({"data": data, "includes": includes, "meta": {"result_count": len(data)}, **TWARC})


def flat_line(number: int, **more: Any) -> str:
    """A post a line, as `twarc2 flatten` writes it."""
    key = f"3_{number}"
    flat = tweet(
        number, attachments={"media_keys": [key], "media": [media(number)]}, author=USER,
        geo={"place_id": "p1", **PLACE}, **more,
    )  # fmt: skip
    return json.dumps({**flat, **TWARC})


def stream_line(number: int) -> str:
    """A post a line, as twarc2 writes a filtered stream."""
    data = tweet(number, attachments={"media_keys": [f"3_{number}"]})
    includes = {"media": [media(number)], "users": [USER]}
    return json.dumps({"data": data, "includes": includes, "matching_rules": [{"id": 5, "tag": None}], **TWARC})


CID = "bafkreibq6oyvogvpxjuzkxyjyt2vwtwoh44ycxjyl3cejdggypwbijmlsy"


def frame_line(number: int, operation: str = "create", *, picture: bool = True, did: str = "did:plc:ayse") -> str:
    """A line of Jetstream in its first form."""
    record: dict[str, Any] = {"$type": "app.bsky.feed.post", "text": f"sky {number}", "createdAt": "2023-01-01T00:00Z"}
    if picture:
        image = {"$type": "blob", "ref": {"$link": CID}, "mimeType": "image/jpeg", "size": 9}
        record["embed"] = {"$type": "app.bsky.embed.images", "images": [{"alt": "wall", "image": image}]}
    commit = {"rev": f"r{number}", "operation": operation, "collection": "app.bsky.feed.post", "rkey": f"k{number}"}
    if operation != "delete":
        commit |= {"record": record, "cid": CID}
    time_us = 1_675_650_000_000_000 + number * 1_000_000
    return json.dumps({"did": did, "time_us": time_us, "kind": "commit", "commit": commit})


def account_line(number: int, did: str = "did:plc:ayse") -> str:
    account = {"active": False, "did": did, "seq": number, "status": "deleted", "time": "2023-02-06T00:00:00Z"}
    return json.dumps({"did": did, "time_us": 1_675_650_000_000_000 + number, "kind": "account", "account": account})


def row(number: int, image: int = 0, **cells: str) -> str:
    """A row of CrisisMMD."""
    tweet_id = str(FIRST + number * STEP)
    values = {
        "tweet_id": tweet_id, "image_id": f"{tweet_id}_{image}", "tweet_text": f'said "{number}" &amp; left',
        "image_path": f"data_image/drawn_quake/13_11_2017/{tweet_id}_{image}.jpg", "image_damage": "severe_damage",
        **cells,
    }  # fmt: skip
    return "\t".join(values.get(name, "") for name in COLUMNS)


def crisismmd(folder: Path, posts: int = 3) -> Path:
    """A data set of drawn pictures: post 0 has two of them, the others one."""
    rows = ["\t".join(COLUMNS), row(0), *(row(each) for each in range(1, posts)), row(0, 1)]
    table = folder / "annotations" / "drawn_quake_final_data.tsv"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    for number, each in enumerate(rows[1:]):
        file = folder / each.split("\t")[COLUMNS.index("image_path")]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(number)))
    return table


def write(path: Path, *lines: str, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + end, encoding="utf-8")
    return path
