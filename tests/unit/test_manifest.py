import pytest
from drawn import write_csv

from quakelens.dataset.manifest import read_manifest
from quakelens.errors import DataError

HEADER = "image,label,event,source\n"
GOOD = "a.jpg,damaged,2015-nepal,press\n"


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "manifest.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_reads_rows_and_optional_columns(tmp_path):
    path = write_csv(
        tmp_path / "manifest.csv",
        [
            {"source": "x", "image": "d/a.jpg", "label": "damaged", "event": "2015-nepal", "group": "war",
             "note": "two\nlines, and a comma", "licence": "CC0", "other": "?"},
            {"source": "y", "image": "b.jpg", "label": "not_damaged", "event": "none", "group": "",
             "note": "", "licence": "", "other": ""},
        ],
    )  # fmt: skip
    manifest = read_manifest(path)
    assert manifest.problems == ()
    first, second = manifest.rows
    assert (first.image, first.damaged, first.group, first.note) == (
        "d/a.jpg",
        True,
        "war",
        "two\nlines, and a comma",
    )
    assert (second.event, second.damaged, second.licence) == ("none", False, "")
    assert manifest.file(first) == tmp_path / "d" / "a.jpg"


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    text = (HEADER + GOOD).replace("\n", "\r\n")
    assert len(read_manifest(written(tmp_path, text, "utf-8-sig")).rows) == 1


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("b.jpg,damaged,2015-nepal", "3 fields instead of 4"),
        ("b.jpg,damaged,2015-nepal,press,more", "5 fields instead of 4"),
        ("b.jpg,collapsed,2015-nepal,press", "label `collapsed`"),
        ("b.jpg,,2015-nepal,press", "label is empty"),
        ("b.jpg,Damaged,2015-nepal,press", "label `Damaged`"),
        ("b.jpg,damaged,2015 Nepal,press", "event `2015 Nepal`"),
        ("b.jpg,damaged,../x,press", "event `../x`"),
        ("b.jpg,damaged,2015-nepal,", "source is empty"),
        (",damaged,2015-nepal,press", "image is empty"),
        ("../x.jpg,damaged,2015-nepal,press", "leads out"),
        ("d/../../x.jpg,damaged,2015-nepal,press", "leads out"),
        ("/etc/x.jpg,damaged,2015-nepal,press", "leads out"),
        ("C:/x.jpg,damaged,2015-nepal,press", "leads out"),
        ("d\\x.jpg,damaged,2015-nepal,press", "forward slashes"),
        ("x\x00.jpg,damaged,2015-nepal,press", "control character"),
        ("a.jpg,not_damaged,2015-nepal,press", "a.jpg is already in line 2"),
    ],
)
def test_a_bad_row_is_a_problem_with_its_line_and_the_others_are_kept(tmp_path, row, told):
    manifest = read_manifest(written(tmp_path, HEADER + GOOD + row + "\n" + "c.jpg,damaged,none,press\n"))
    assert [kept.image for kept in manifest.rows] == ["a.jpg", "c.jpg"]
    assert [problem.line for problem in manifest.problems] == [3]
    assert told in str(manifest.problems[0])


def test_an_unclosed_quote_is_told(tmp_path):
    manifest = read_manifest(written(tmp_path, HEADER + '"a.jpg,damaged,none,press\n' + GOOD * 3))
    assert manifest.rows == ()
    assert len(manifest.problems) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        (HEADER, "no rows"),
        ("image,label,source\na.jpg,damaged,x\n", "lacks the column event"),
        ("image;label;event;source\na.jpg;damaged;none;x\n", "use commas"),
        ("image,label,event,source,label\na.jpg,damaged,none,x,damaged\n", "label twice"),
        (HEADER + '"' + "x" * 200_000 + "\n", "never closed"),
    ],
)
def test_a_file_of_the_wrong_form_is_an_error(tmp_path, text, told):
    with pytest.raises(DataError, match=told):
        read_manifest(written(tmp_path, text))


def test_other_encodings_missing_files_and_folders_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"not UTF-8 \(line 2\)"):
        read_manifest(written(tmp_path, HEADER + "é.jpg,damaged,none,x\n", "latin-1"))
    with pytest.raises(DataError, match="does not exist"):
        read_manifest(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path)
