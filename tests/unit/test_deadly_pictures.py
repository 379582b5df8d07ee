"""Pictures that end the process which decodes them: once, and never again."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from drawn import encoded, labelled_rows, picture, write_csv

from quakelens import images
from quakelens.decoding import notes
from quakelens.decoding.apart import decode_apart
from quakelens.decoding.notes import Notes, fingerprint
from quakelens.errors import ImageError

ROOT = Path(__file__).parents[2]
DEADLY = ROOT / "tests" / "deadly"


def run(workspace: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """A process whose decoder crashes on the pictures that `deadly` makes."""
    environment = {
        **os.environ, "QUAKELENS_WORKSPACE": str(workspace), "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "",
        "PYTHONPATH": os.pathsep.join((str(DEADLY), str(ROOT), str(ROOT / "tests" / "unit"))), **more,
    }  # fmt: skip
    command = [sys.executable, *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)


def deadly(seed: int, comment: bytes = b"deadly") -> bytes:
    return encoded(picture(seed), comment=comment)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return folder


@pytest.fixture
def own_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notes:
    mine = Notes(tmp_path / "decoding")
    monkeypatch.setattr(notes._own, "notes", mine)
    monkeypatch.setattr(notes._own, "opened", True)
    yield mine
    mine.close()


def left_behind(folder: Path, *pictures: bytes) -> None:
    """What a process that died over these pictures leaves."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_die, args=(folder, pictures))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def _die(folder: Path, pictures: tuple[bytes, ...]) -> None:
    mine = Notes(folder)

    def work(rest: tuple[bytes, ...]) -> None:
        if not rest:
            os.kill(os.getpid(), signal.SIGKILL)
        mine.run(fingerprint(rest[0]), lambda: work(rest[1:]))

    work(pictures)


def test_score_passes_at_the_second_try(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").write_bytes(encoded(picture(number)))
    (folder / "bad.jpg").write_bytes(deadly(9))
    names = [folder / name for name in ("0.jpg", "1.jpg", "bad.jpg", "2.jpg", "3.jpg")]
    command = ("-m", "quakelens", "score", "--json", "--model", "starter", *names)
    first = run(workspace, *command)
    assert first.returncode == -signal.SIGABRT
    for _ in range(2):
        again = run(workspace, *command)
        assert again.returncode == 3, again.stderr
        rows = [json.loads(line) for line in again.stdout.splitlines()]
        assert [row["error"] is None for row in rows] == [True, True, False, True, True]
        assert rows[2]["error"] == "killed: decoding it ends the process (SIGABRT): it is not decoded any more"
    condemned = (workspace / "data" / "decoding" / "condemned.txt").read_text()
    assert condemned == f"{rows[2]['sha256']} SIGABRT\n"
    assert not list((workspace / "data" / "decoding").glob("*.slots"))


def test_labelled_data_passes_at_the_second_try(workspace: Path, tmp_path: Path) -> None:
    rows = labelled_rows(tmp_path / "in", "2015-nepal", 3, 2)
    manifest = write_csv(tmp_path / "in" / "manifest.csv", rows)
    bad = tmp_path / "in" / rows[2]["image"]
    bad.write_bytes(deadly(9))
    code = (
        "import sys; from pathlib import Path; from quakelens.dataset.add import add; from drawn import DUPLICATES\n"
        "report = add(Path(sys.argv[1]), Path(sys.argv[2]), max_pixels=10**6, duplicates=DUPLICATES)\n"
        "print(report.added, *(each.reason for each in report.unreadable))"
    )
    command = ("-c", code, manifest, workspace / "data" / "labelled")
    assert run(workspace, *command, DEADLY="segv").returncode == -signal.SIGSEGV
    again = run(workspace, *command, DEADLY="segv")
    assert again.stdout.split() == ["4", "killed"], again.stderr


HARVEST = """
import sys
from pathlib import Path
import harvest_world as world
from test_deadly_pictures import PICTURES
from quakelens.depot import as_depot
from quakelens.harvest import fetch_pending, harvest_pages, score_pending
from quakelens.engine import Engine
from quakelens.media.keep import keep
from quakelens.model.starter import starter_folder
from quakelens.errors import MediaError
from quakelens.media.fetch import Fetched, FetchFailure

folder = Path(sys.argv[1])

def fetch(jobs):
    for job in jobs:
        data = PICTURES[int(job.url.rpartition("/")[2])]
        try:
            kept = keep(data, job.url, as_depot(folder / "media"), max_pixels=10**7, formats=("JPEG",))
        except MediaError as error:
            yield FetchFailure(job.key, error.reason, str(error), error.final, world.NOW)
        else:
            yield Fetched(job.key, kept.sha256, kept.path, kept.bytes, kept.width, kept.height, kept.format, world.NOW)

posts = [world.post(10 + i, 5 + i, pictures=[i]) for i in range(len(PICTURES))]
store = world.new_store(folder)
section = world.params()
harvest_pages(store, world.FakeSource(posts), world.EARTHQUAKE, section.harvest, folder / "pages", world.NOW,
              queries=("quake",), patience=world.impatient())
print(fetch_pending(store, world.EARTHQUAKE.id, as_depot(folder / "media"), section, fetch=fetch))
engine = Engine.open(starter_folder(), version="starter")
print(score_pending(store, world.EARTHQUAKE.id, engine, as_depot(folder / "media"), as_depot(folder / "heatmaps")))
with store.read() as connection:
    from quakelens.store.tables import media, scores
    print(sorted(filter(None, connection.scalars(media.select().with_only_columns(media.c.reason)))))
    print(sorted(error.partition(":")[0] for error in connection.scalars(
        scores.select().with_only_columns(scores.c.error)) if error))
"""
SCORED = b"deadly only when scored"
PICTURES = [
    encoded(picture(0)),
    deadly(1),
    encoded(picture(2)),
    encoded(picture(3, (1792, 1792)), comment=SCORED),  # the engine alone has it decoded down to 224 pixels
    encoded(picture(4)),
    deadly(5),
]


def test_harvest_passes_each_deadly_picture_once(workspace: Path) -> None:
    ends = []
    for _ in range(6):
        done = run(workspace, "-c", HARVEST, workspace)
        ends.append(done.returncode)
        if done.returncode == 0:
            break
    assert ends == [-signal.SIGABRT] * 3 + [0], done.stdout + done.stderr
    fetched, scored, reasons, errors = done.stdout.splitlines()
    assert "media=6, fetched=4, failed=2" in fetched
    assert "scored=3" in scored
    assert reasons == "['killed', 'killed']"
    assert errors == "['killed']"


def test_a_sound_picture_that_was_at_hand_when_a_process_died_is_decoded_all_the_same(own_notes: Notes) -> None:
    data, other = encoded(picture(1, (640, 480)), exif=_turned()), encoded(picture(2))
    plain, facts = images.decode(data, at_least=200), images.examine(data)
    left_behind(own_notes._folder, data, other)
    own_notes._looked = float("-inf")
    assert own_notes.is_suspect(fingerprint(data)) and own_notes.is_suspect(fingerprint(other))
    assert images.decode(data, at_least=200).tobytes() == plain.tobytes()
    assert images.decode(data, at_least=200).size == plain.size
    assert images.examine(data) == facts
    assert images.format_of(data) == "JPEG"
    assert not list(own_notes._folder.glob("condemned.txt"))
    cut = data[: len(data) // 2]
    left_behind(own_notes._folder, cut)
    own_notes._looked = float("-inf")
    with pytest.raises(ImageError) as caught:
        images.decode(cut)
    assert caught.value.reason == "truncated"


def _turned():  # type: ignore[no-untyped-def]
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_notes_of_living_processes_are_left_alone(tmp_path: Path) -> None:
    living, other = Notes(tmp_path), Notes(tmp_path)

    def look() -> None:
        assert not other.is_suspect(b"a" * 32)

    living.run(b"a" * 32, look)
    assert len(list(tmp_path.glob("*.slots"))) == 2
    living.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_more_threads_than_slots_wait_for_one(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    mine = Notes(tmp_path)
    with ThreadPoolExecutor(100) as threads:
        results = list(threads.map(lambda n: mine.run(bytes([n % 256]) * 32, lambda: n), range(1000)))
    assert results == list(range(1000))
    mine.close()


def test_nothing_is_noted_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(notes._own, "opened", False)
    monkeypatch.setattr(notes._own, "notes", None)
    monkeypatch.setattr(notes, "_folder", lambda: blocked / "decoding")
    assert images.decode(encoded(picture(1))).size == (160, 120)
    assert notes.current() is None


def test_a_picture_that_takes_all_memory_or_time_is_no_more_than_a_row(
    own_notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(picture(1))
    monkeypatch.setattr("quakelens.decoding.apart.LIMIT_S", 0.001)
    with pytest.raises(ImageError) as caught:
        decode_apart(own_notes, data, {"do": "examine", "max_pixels": 10**6, "formats": ["JPEG"]})
    assert caught.value.reason == "killed"
    assert "not done in" in str(caught.value)
