import csv
import json
from pathlib import Path

import pytest
from drawn import DUPLICATES, encoded, labelled_rows, picture, tree, write_csv

from quakelens.dataset import hashes as hashing
from quakelens.dataset.add import add
from quakelens.dataset.prepare import prepare
from quakelens.errors import DataError
from quakelens.params import read_params

PARAMS = read_params(Path(__file__).resolve().parents[2] / "params.yaml")


def params(**split):
    values = {"held_out": ("2016-ecuador",), "min_per_class": 2} | split
    return PARAMS.model_copy(update={"split": PARAMS.split.model_copy(update=values), "duplicates": DUPLICATES})


def put(rows, folder, labelled):
    add(write_csv(folder / "manifest.csv", rows), labelled, max_pixels=1_000_000, duplicates=DUPLICATES)


@pytest.fixture
def rows(tmp_path):
    folder = tmp_path / "in"
    rows = labelled_rows(folder, "2015-nepal", 3, 3)
    rows += labelled_rows(folder, "2016-ecuador", 3, 2, first_seed=100)
    rows += labelled_rows(folder, "2017-mexico", 2, 2, first_seed=200)
    rows += labelled_rows(folder, "1995-kobe", 2, 0, first_seed=300)
    rows += labelled_rows(folder, "unknown", 1, 1, first_seed=400)
    rows += labelled_rows(folder, "unknown", 1, 0, source="travel", first_seed=450)
    rows = [row | {"cannot_show": "2016-ecuador 2017-mexico" if row["source"] == "travel" else ""} for row in rows]
    for number, source in enumerate(("streets", "objects", "maps")):
        drawn = labelled_rows(folder, "none", 0, 2, source=source, first_seed=500 + 10 * number)
        rows += [row | {"cannot_show": ""} for row in drawn]
    return rows


@pytest.fixture
def labelled(tmp_path, rows):
    put(rows, tmp_path / "in", tmp_path / "data" / "labelled")
    return tmp_path / "data" / "labelled"


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_writes_pictures_splits_and_summary(labelled, tmp_path):
    out = tmp_path / "out"
    prepared = prepare(labelled, out, params())
    pictures = table(out / "pictures.csv")
    assert len(pictures) == len(prepared.rows) == 26
    assert [row["sha256"] for row in pictures] == sorted(row["sha256"] for row in pictures)
    assert all((labelled / row["path"]).is_file() for row in pictures)
    assert {row["split"] for row in pictures if row["event"] == "2016-ecuador"} == {"held_out"}
    assert {row["fold"] for row in pictures if row["event"] == "1995-kobe"} == {"small"}
    (helper,) = (row for row in pictures if row["source"] == "travel")
    assert (helper["split"], helper["fold"], helper["not_for"]) == ("train", "", "2015-nepal small")
    assert helper["cannot_show"] == "2016-ecuador 2017-mexico"
    assert all(bool(row["fold"]) == (row["split"] == "train") for row in pictures if row != helper)
    splits = {(row["kind"], row["name"]): row for row in table(out / "splits.csv")}
    assert splits["event", "2015-nepal"] == {
        "kind": "event", "name": "2015-nepal", "split": "train", "fold": "2015-nepal",
        "damaged": "3", "not_damaged": "3", "helpers": "0",
    }  # fmt: skip
    assert splits["event", "unknown"] == {
        "kind": "event", "name": "unknown", "split": "train", "fold": "",
        "damaged": "0", "not_damaged": "0", "helpers": "1",
    }  # fmt: skip
    assert {name for kind, name in splits if kind == "source"} == {"streets", "objects", "maps"}
    summary = json.loads((out / "prepare.json").read_text())
    assert summary == prepared.summary
    assert summary["splits"]["held_out"]["damaged"] == 3
    assert summary["splits"]["train"]["damaged"] == 7
    assert summary["helpers"] == {"damaged": 1, "not_damaged": 0}
    assert summary["left_out"] == {"unknown_earthquake": 2}
    assert any("1995-kobe has damaged pictures only" in warning for warning in prepared.warnings)


def test_without_helpers_they_are_left_out_and_no_other_picture_moves(labelled, tmp_path):
    prepare(labelled, tmp_path / "out", params())
    prepared = prepare(labelled, tmp_path / "without", params(helpers=False))
    before, after = (table(tmp_path / name / "pictures.csv") for name in ("out", "without"))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [(old["source"], new["split"], new["reason"]) for old, new in changed] == [
        ("travel", "left_out", "unknown_earthquake")
    ]
    assert prepared.summary["helpers"] == {"damaged": 0, "not_damaged": 0}


def test_the_same_pictures_give_the_same_bytes_in_any_order(rows, labelled, tmp_path):
    prepare(labelled, tmp_path / "out", params())
    other = tmp_path / "other" / "labelled"
    put(rows[::-1], tmp_path / "in", other)
    for manifest in other.glob("*/manifest.csv"):
        lines = manifest.read_text().splitlines(keepends=True)
        manifest.write_text("".join([lines[0], *lines[:0:-1]]))
    prepare(other, tmp_path / "again", params())
    prepare(other, tmp_path / "cached", params())
    assert tree(tmp_path / "again") == tree(tmp_path / "out") == tree(tmp_path / "cached")


def test_a_fold_without_which_little_is_left_is_told(tmp_path, labelled):
    assert not any("rest on few" in warning for warning in prepare(labelled, tmp_path / "out", params()).warnings)
    folder = tmp_path / "large"
    put(labelled_rows(folder, "2015-nepal", 25, 0, source="wire", first_seed=900), folder, labelled)
    put(labelled_rows(folder, "unknown", 1, 0, source="web", first_seed=950), folder, labelled)
    (told,) = (text for text in prepare(labelled, tmp_path / "out", params()).warnings if "rest on few" in text)
    assert told.startswith("2015-nepal has 28 damaged pictures, and leaving it out leaves 4 to learn from")
    rows = [
        row | {"cannot_show": "any"} for row in labelled_rows(folder, "unknown", 4, 0, source="map", first_seed=980)
    ]
    put(rows, folder, labelled)
    assert not any("rest on few" in warning for warning in prepare(labelled, tmp_path / "out", params()).warnings)


def test_near_duplicates_are_kept_together_and_reported(rows, labelled, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    copies = {
        "recycled.jpg": ("2015-nepal", picture(100)),  # the first picture of Ecuador
        "smaller.jpg": ("2015-nepal", picture(0).resize((80, 60))),
        "relabelled.jpg": ("2017-mexico", picture(202)),  # of a picture that is not damaged
    }
    more = []
    for name, (event, image) in copies.items():
        (folder / name).write_bytes(encoded(image, quality=45))
        more.append({"image": name, "label": "damaged", "event": event, "source": "press"})
    put(more, folder, labelled)
    prepared = prepare(labelled, tmp_path / "out", params())
    assert prepared.summary["clusters"] == 3
    assert prepared.summary["near_duplicates"] == 1
    assert prepared.summary["left_out"] == {"unknown_earthquake": 2, "near_held_out": 1, "label_conflict": 2}
    told = "\n".join(prepared.warnings)
    assert "near-duplicates of held-out pictures: 2015-nepal/" in told
    assert "different labels, left out until corrected: 2017-mexico/" in told
    pictures = table(tmp_path / "out" / "pictures.csv")
    doubled = next(row for row in pictures if row["duplicate_of"])
    assert doubled["event"] == "2015-nepal" and doubled["split"] == "train"


def test_few_unusable_pictures_are_left_out_and_many_are_an_error(labelled, tmp_path):
    nepal = sorted((labelled / "2015-nepal" / "images").iterdir())
    nepal[0].write_bytes(b"not what it was")
    prepared = prepare(labelled, tmp_path / "out", params())
    assert prepared.summary["left_out"]["unusable"] == 1
    assert any(nepal[0].name in warning for warning in prepared.warnings)
    nepal[1].unlink()
    with pytest.raises(DataError, match="2 of the 26 labelled pictures"):
        prepare(labelled, tmp_path / "out", params())


def test_an_empty_collection_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no labelled pictures"):
        prepare(tmp_path / "nowhere", tmp_path / "out", params())
    assert not (tmp_path / "out").exists()


def test_folders_that_dvc_has_not_brought_are_an_error(labelled, tmp_path):
    (labelled / "2018-lombok.dvc").write_text("outs: []\n")
    with pytest.raises(DataError, match=r"2018-lombok/manifest\.csv.*dvc pull"):
        prepare(labelled, tmp_path / "out", params())


def test_an_unusable_split_writes_nothing(labelled, tmp_path):
    with pytest.raises(DataError, match="hold out one of"):
        prepare(labelled, tmp_path / "out", params(held_out=("1995-kobe",), seed=0, held_out_share=0.0))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "damage", ["", "sha256,phash\n", "garbage\x00", "sha256,phash,dhash,phash_mirrored,detail\na,b\n"]
)
def test_kept_hashes_that_cannot_be_read_are_computed_again(labelled, tmp_path, damage):
    prepare(labelled, tmp_path / "out", params())
    cache = next((labelled.parent / "cache").glob("*.csv"))
    before = cache.read_bytes()
    cache.write_text(damage)
    prepare(labelled, tmp_path / "again", params())
    assert tree(tmp_path / "again") == tree(tmp_path / "out")
    assert cache.read_bytes() == before


def test_hashes_are_computed_once_a_picture(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "hash_picture", lambda image: pytest.fail("hashed again"))
    seen = []
    prepare(labelled, tmp_path / "out", params(), on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (26, 26)
