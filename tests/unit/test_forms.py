"""Labelled data as others publish it: small copies of each form, whole and broken."""

from pathlib import Path

import pytest
from drawn import DUPLICATES, encoded, labelled_rows, picture, write_csv

from quakelens.cli.data import add_command
from quakelens.dataset.add import add
from quakelens.dataset.check import check
from quakelens.dataset.forms.read import FORMS, Options, form_of, read_labels
from quakelens.dataset.labelled import read_collection
from quakelens.errors import DataError

ANNOTATIONS = "tweet_id\timage_id\timage_human\timage_damage\ttweet_text\timage_path"
TASK = "event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel"
DAY = {"mexico_earthquake": "20_9_2017", "hurricane_maria": "21_9_2017"}


def draw(folder: Path, names: list[str], first_seed: int = 0) -> None:
    for seed, name in enumerate(names, first_seed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(picture(seed)))


def written(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(lines).encode() + b"\n")
    return path


def put(path: Path, labelled: Path, **options):
    return add(path, labelled, max_pixels=1_000_000, duplicates=DUPLICATES, options=Options(**options))


def seen(manifest) -> list[tuple[str, str, str, str, str]]:
    return [(Path(row.image).name, row.label, row.event, row.source, row.group) for row in manifest.rows]


def annotated(
    number: int, damage: str, event: str = "mexico_earthquake", human: str = "infrastructure", text: str = "x"
):
    image = f"data_image/{event}/{DAY.get(event, '1_1_2017')}/{number}_0.jpg"
    return f"{number}\t{number}_0\t{human}\t{damage}\t{text}\t{image}", image


@pytest.fixture
def crisismmd(tmp_path):
    root = tmp_path / "CrisisMMD_v2.0"
    told = [
        annotated(1, "severe_damage", text='a "quote that never ends'),
        annotated(2, "mild_damage", text="\x85 a line separator \u2028 inside"),
        annotated(3, "little_or_no_damage"),
        annotated(4, ""),
        annotated(5, "dont_know_or_cant_judge"),
        annotated(6, "severe_damage", human="vehicle_damage"),
    ]
    storm = [annotated(7, "severe_damage", "hurricane_maria"), annotated(8, "little_or_no_damage", "hurricane_maria")]
    written(root / "annotations/mexico_earthquake_final_data.tsv", ANNOTATIONS, *(line for line, _ in told))
    written(root / "annotations/hurricane_maria_final_data.tsv", ANNOTATIONS, *(line for line, _ in storm))
    draw(root, [image for _, image in told + storm])
    return root


MEXICO = [
    ("1_0.jpg", "damaged", "2017-mexico", "crisismmd/mexico_earthquake", ""),
    ("2_0.jpg", "damaged", "2017-mexico", "crisismmd/mexico_earthquake", ""),
    ("3_0.jpg", "not_damaged", "2017-mexico", "crisismmd/mexico_earthquake", ""),
    ("6_0.jpg", "damaged", "2017-mexico", "crisismmd/mexico_earthquake", "vehicle"),
]
MARIA = [
    ("7_0.jpg", "damaged", "none", "crisismmd/hurricane_maria", "storm"),
    ("8_0.jpg", "not_damaged", "none", "crisismmd/hurricane_maria", ""),
]


def test_crisismmd_maps_severity_and_keeps_other_disasters_apart(crisismmd, tmp_path):
    assert form_of(crisismmd) == "crisismmd"
    manifest = read_labels(crisismmd)
    assert seen(manifest) == MARIA + MEXICO
    assert (manifest.problems, manifest.unlabelled) == ((), 2)
    report = put(crisismmd, tmp_path / "labelled")
    assert (report.added, report.unlabelled, report.unreadable) == (6, 2, ())
    assert {(c.event, c.label, c.group): c.pictures for c in report.counts} == {
        ("2017-mexico", "damaged", ""): 2,
        ("2017-mexico", "damaged", "vehicle"): 1,
        ("2017-mexico", "not_damaged", ""): 1,
        ("none", "damaged", "storm"): 1,
        ("none", "not_damaged", ""): 1,
    }
    kept = {picture.note for picture in read_collection(tmp_path / "labelled").pictures}
    assert kept == {"severe_damage", "mild_damage", "little_or_no_damage"}


@pytest.mark.parametrize("part", ["annotations", "annotations/mexico_earthquake_final_data.tsv"])
def test_crisismmd_finds_its_pictures_from_a_folder_or_list_within(crisismmd, tmp_path, part):
    assert seen(read_labels(crisismmd / part))[-4:] == MEXICO
    assert put(crisismmd / part, tmp_path / "labelled").unreadable == ()


def test_crisismmd_task_lists_are_read_and_a_picture_in_two_lists_is_taken_once(crisismmd):
    rows = [(1, "severe_damage"), (2, "little_or_no_damage"), (3, "little_or_no_damage")]
    lines = [
        f"mexico_earthquake\t{n}\t{n}_0\ttext\tdata_image/mexico_earthquake/20_9_2017/{n}_0.jpg\t{label}"
        for n, label in rows
    ]
    task = written(crisismmd / "crisismmd_datasplit_all/task_damage_text_img_dev.tsv", TASK, *lines)
    other = "mexico_earthquake\t9\t9_0\ttext\tdata_image/mexico_earthquake/20_9_2017/9_0.jpg\tinformative"
    written(crisismmd / "crisismmd_datasplit_all/task_informative_text_img_dev.tsv", TASK, other)
    assert [row[:2] for row in seen(read_labels(task))] == [
        ("1_0.jpg", "damaged"), ("2_0.jpg", "not_damaged"), ("3_0.jpg", "not_damaged"),
    ]  # fmt: skip
    manifest = read_labels(crisismmd)
    assert seen(manifest) == MARIA + MEXICO
    (problem,) = manifest.problems
    assert str(problem).startswith("crisismmd_datasplit_all/task_damage_text_img_dev.tsv, line 3: data_image/")
    assert "is not_damaged of 2017-mexico here and damaged of 2017-mexico in annotations/mexico" in problem.what


def test_bad_lines_of_crisismmd_are_named_and_lose_nothing_else(crisismmd, tmp_path):
    path = crisismmd / "annotations/mexico_earthquake_final_data.tsv"
    bad = {
        "4 fields instead of 6": b"9\t9_0\tx\tsevere_damage",
        "damage `terrible`: use severe_damage": annotated(10, "terrible")[0].encode(),
        "event `2018_lombok` is not one of CrisisMMD's seven": annotated(11, "mild_damage", "2018_lombok")[0].encode(),
        "leads out of the manifest's folder": b"12\t12\tx\tmild_damage\tx\tdata_image/mexico_earthquake/../../../a.jpg",
        "name it as data_image/EVENT/DAY/NAME.jpg": b"13\t13\tx\tmild_damage\tx\tsomewhere.jpg",
        "in UTF-8": b"14\t14\tx\tmild_damage\tx\tdata_image/mexico_earthquake/1/\xff.jpg",
    }
    latin = annotated(15, "mild_damage")[0].encode().replace(b"\tx\tdata", b"\tcaf\xe9\tdata")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\n".join((b"", *bad.values(), b"", latin)))
    draw(crisismmd, ["data_image/mexico_earthquake/20_9_2017/15_0.jpg"], 50)
    manifest = read_labels(crisismmd)
    assert seen(manifest) == [*MARIA, *MEXICO, ("15_0.jpg", "damaged", *MEXICO[0][2:])]
    assert [problem.line for problem in manifest.problems] == [9, 10, 11, 12, 13, 14]
    for problem, what in zip(manifest.problems, bad, strict=True):
        assert what in problem.what and problem.file == "annotations/mexico_earthquake_final_data.tsv"
    (crisismmd / "data_image/mexico_earthquake/20_9_2017/1_0.jpg").unlink()
    report = put(crisismmd, tmp_path / "labelled")
    assert [(row.line, row.reason) for row in report.unreadable] == [(2, "missing")]
    assert (report.added, len(report.bad_rows)) == (6, 6)


def test_a_list_that_says_nothing_about_damage_is_an_error(tmp_path):
    path = written(tmp_path / "mexico_earthquake_final_data.tsv", ANNOTATIONS, annotated(1, "")[0])
    with pytest.raises(DataError, match="1 rows, none of which says anything about damage"):
        read_labels(path)
    with pytest.raises(DataError, match="no list of CrisisMMD v2"):
        read_labels(written(tmp_path / "other.tsv", "a\tb", "1\t2"), Options(form="crisismmd"))


@pytest.fixture
def asonam17(tmp_path):
    root = tmp_path / "ASONAM17_Damage_Image_Dataset"
    lists = {
        "nepal.train": ["nepal_eq/nepal_eq_severe_im_1.jpg 2", "nepal_eq/nepal_eq_mild_im_2.jpg 1"],
        "nepal.test": ["nepal_eq/nepal_eq_none_im_3.jpg 0", "nepal_eq/nepal_eq_unlabelled_im_4.jpg 2"],
        "ecuador.dev": ["ecuador_eq/ecuador_eq_severe_im_5.jpg\tsevere"],
        "ruby.train": ["ruby_typhoon/ruby_typhoon_mild_im_6.jpg,1", "./ruby_typhoon/ruby_typhoon_none_im_7.jpg,0"],
        "gg.train": [
            "ggImage/building_damage/building_damage_8.jpg 2",
            "ggImage/building_damage/building_damage_9.jpg 0",
            "ggImage/extra_none_ggIM/building_10.jpg 0",
        ],
    }
    for name, lines in lists.items():
        written(root / name, *lines)
    images = [line.removeprefix("./").replace(",", " ").split()[0] for lines in lists.values() for line in lines]
    draw(root, images, 100)
    return root


ASONAM17 = {
    ("nepal_eq_severe_im_1.jpg", "damaged", "2015-nepal", "asonam17/nepal_eq", ""),
    ("nepal_eq_mild_im_2.jpg", "damaged", "2015-nepal", "asonam17/nepal_eq", ""),
    ("nepal_eq_none_im_3.jpg", "not_damaged", "2015-nepal", "asonam17/nepal_eq", ""),
    ("nepal_eq_unlabelled_im_4.jpg", "damaged", "2015-nepal", "asonam17/nepal_eq", ""),
    ("ecuador_eq_severe_im_5.jpg", "damaged", "2016-ecuador", "asonam17/ecuador_eq", ""),
    ("ruby_typhoon_mild_im_6.jpg", "damaged", "none", "asonam17/ruby_typhoon", "storm"),
    ("ruby_typhoon_none_im_7.jpg", "not_damaged", "none", "asonam17/ruby_typhoon", ""),
    ("building_damage_8.jpg", "damaged", "unknown", "asonam17/ggImage/building_damage", "cause-unclear"),
    ("building_damage_9.jpg", "not_damaged", "unknown", "asonam17/ggImage/building_damage", ""),
    ("building_10.jpg", "not_damaged", "none", "asonam17/ggImage/extra_none_ggIM", ""),
}


def test_asonam17_reads_every_list_by_number_and_by_name(asonam17, tmp_path):
    assert form_of(asonam17) == "asonam17"
    manifest = read_labels(asonam17)
    assert set(seen(manifest)) == ASONAM17 and len(manifest.rows) == 10 and manifest.problems == ()
    assert put(asonam17, tmp_path / "labelled").added == 10
    one = read_labels(asonam17 / "nepal.train")
    assert [row.event for row in one.rows] == ["2015-nepal"] * 2


def test_asonam17_lists_in_a_folder_beside_the_pictures_or_with_their_folder_in_the_path(asonam17, tmp_path):
    written(asonam17 / "lists/more.txt", "ASONAM17_Damage_Image_Dataset/nepal_eq/nepal_eq_mild_im_2.jpg 1")
    for path in (asonam17 / "lists", asonam17 / "lists/more.txt"):
        report = put(path, tmp_path / "labelled")
        assert (report.unreadable, sum(count.pictures for count in report.counts)) == ((), 1)


def test_bad_lines_of_asonam17_are_named_and_lose_nothing_else(asonam17, tmp_path):
    bad = {
        "write the path of a picture, a space": b"nepal_eq/nepal_eq_mild_im_20.jpg",
        "and 0 (none), 1 (mild) or 2 (severe)": b"nepal_eq/nepal_eq_mild_im_21.jpg 7",
        "is in no folder of ASONAM17": b"lombok_eq/lombok_eq_mild_im_22.jpg 1",
        "called severe and listed as none": b"nepal_eq/nepal_eq_severe_im_23.jpg 0",
        "`nepal_eq/nepal_eq_mild_im_": b"nepal_eq/nepal_eq_mild_im_\xff.jpg 1",
        "is damaged of 2015-nepal here and not_damaged": b"nepal_eq/nepal_eq_unlabelled_im_25.jpg 2",
        "(ecuador_eq, ": b"../nepal_eq/nepal_eq_mild_im_1.jpg 1",
    }
    good = [b"nepal_eq/nepal_eq_mild_im_%d.jpg 1" % number for number in range(30, 40)]
    first = [b"nepal_eq/nepal_eq_unlabelled_im_25.jpg 0"]
    (asonam17 / "nepal.dev").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([*first, *bad.values(), b"", *good]))
    manifest = read_labels(asonam17)
    assert len(manifest.rows) == 10 + 1 + 10
    assert [(p.file, p.line) for p in manifest.problems] == [("nepal.dev", line) for line in range(2, 9)]
    for problem, what in zip(manifest.problems, bad, strict=True):
        assert what in problem.what
    report = put(asonam17, tmp_path / "labelled")
    assert {row.reason for row in report.unreadable} == {"missing"} and len(report.unreadable) == 11
    assert report.added == 10


@pytest.fixture
def folders(tmp_path):
    root = tmp_path / "survey"
    names = ["damaged/a.jpg", "damaged/street/b.jpg", "not_damaged/c.jpg"]
    draw(root / "2015-nepal", names)
    draw(root / "none", ["not_damaged/d.jpg"], 10)
    return root


def test_folders_by_earthquake_and_class(folders, tmp_path):
    assert form_of(folders) == "folders"
    assert [(row.image, row.label, row.event, row.source) for row in read_labels(folders).rows] == [
        ("2015-nepal/damaged/a.jpg", "damaged", "2015-nepal", "survey"),
        ("2015-nepal/damaged/street/b.jpg", "damaged", "2015-nepal", "survey"),
        ("2015-nepal/not_damaged/c.jpg", "not_damaged", "2015-nepal", "survey"),
        ("none/not_damaged/d.jpg", "not_damaged", "none", "survey"),
    ]
    assert put(folders, tmp_path / "labelled", source="field team").added == 4
    assert {kept.source for kept in read_collection(tmp_path / "labelled").pictures} == {"field team"}
    assert check(tmp_path / "labelled").ok


def test_folders_by_class_need_their_earthquake(folders, tmp_path):
    with pytest.raises(DataError, match="nothing says what its pictures show: give --event"):
        read_labels(folders / "2015-nepal")
    with pytest.raises(DataError, match="`Nepal 2015` is no slug: give --event"):
        read_labels(folders / "2015-nepal", Options(event="Nepal 2015"))
    with pytest.raises(DataError, match="leave --event out"):
        read_labels(folders, Options(event="2015-nepal"))
    report = put(folders / "2015-nepal", tmp_path / "labelled", event="2016-ecuador", source="press")
    assert {(c.event, c.source) for c in report.counts} == {("2016-ecuador", "press")} and report.added == 3


def test_what_does_not_belong_into_folders_is_named_and_loses_nothing_else(folders, tmp_path):
    (folders / "2015-nepal/damaged/.DS_Store").write_bytes(b"x")
    (folders / "2015-nepal/not_damaged/Thumbs.db").write_bytes(b"x")
    (folders / "2015-nepal/damaged/notes.txt").write_text("seen on Tuesday")
    (folders / "2015-nepal/damaged/empty.jpg").write_bytes(b"")
    (folders / "readme.txt").write_text("?")
    draw(folders, ["2015-nepal/unclear/e.jpg", "Lombok 2018/damaged/f.jpg"], 20)
    report = put(folders, tmp_path / "labelled")
    assert report.added == 4
    assert {(row.image, row.reason) for row in report.unreadable} == {
        ("2015-nepal/damaged/notes.txt", "not_an_image"),
        ("2015-nepal/damaged/empty.jpg", "empty"),
    }
    assert [str(problem).split(":")[0] for problem in report.bad_rows] == [
        "2015-nepal/unclear", "Lombok 2018", "readme.txt",
    ]  # fmt: skip


def test_a_path_of_no_form_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_labels(tmp_path / "absent")
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"no manifest\.csv, no lists of CrisisMMD v2 or ASONAM17, and no folders"):
        read_labels(tmp_path / "photos")
    for form in ("crisismmd", "asonam17", "folders"):
        with pytest.raises(DataError, match=r"give|make"):
            read_labels(tmp_path / "photos", Options(form=form))


def test_a_manifest_is_one_whatever_lies_beside_it_and_takes_no_event(folders):
    rows = labelled_rows(folders, "2015-nepal", 1, 1)
    manifest = write_csv(folders / "manifest.csv", rows)
    assert form_of(manifest) == form_of(folders) == "manifest"
    assert len(read_labels(folders).rows) == 2
    assert len(read_labels(folders, Options(form="folders")).rows) == 4
    with pytest.raises(DataError, match="of the form manifest, which says event and source itself"):
        read_labels(manifest, Options(source="press"))


def test_the_command_offers_every_form():
    (option,) = [parameter for parameter in add_command.params if parameter.name == "form"]
    assert tuple(option.type.choices) == FORMS
