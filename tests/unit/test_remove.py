import csv

from drawn import DUPLICATES, labelled_rows, tree, write_csv

from quakelens.dataset.add import add
from quakelens.dataset.check import check, summary
from quakelens.dataset.labelled import read_collection
from quakelens.dataset.remove import remove


def test_removed_pictures_leave_files_rows_and_kept_hashes(tmp_path):
    folder, labelled = tmp_path / "in", tmp_path / "data" / "labelled"
    rows = labelled_rows(folder, "2015-nepal", 3, 2) + labelled_rows(folder, "none", 0, 2, first_seed=50)
    add(write_csv(folder / "m.csv", rows), labelled, max_pixels=10**6, duplicates=DUPLICATES)
    pictures = read_collection(labelled).pictures
    gone = {p.sha256 for p in pictures if p.event == "none"} | {next(p.sha256 for p in pictures if p.damaged)}
    assert remove(labelled, gone) == ["2015-nepal", "none"]
    assert [(row.event, row.damaged, row.not_damaged) for row in summary(labelled)] == [("2015-nepal", 2, 2)]
    assert [path.name for path in labelled.iterdir()] == ["2015-nepal"]
    assert check(labelled).ok
    with next((labelled.parent / "cache").glob("*.csv")).open() as file:
        assert {row["sha256"] for row in csv.DictReader(file)} == {p.sha256 for p in pictures} - gone
    before = tree(labelled)
    assert remove(labelled, gone) == []
    assert tree(labelled) == before
