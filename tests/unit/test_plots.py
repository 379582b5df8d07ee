import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from quakelens.evaluation import plots
from quakelens.evaluation.canvas import scope
from quakelens.evaluation.mistakes import Mistake, choose_mistakes
from quakelens.evaluation.predictions import Predictions

SINGLE = (plots.precision_recall, plots.reliability, plots.confusion, plots.risk_coverage)


def drawn(n=200, classes="both", events=("2015-nepal", "2016-ecuador", "none"), seed=0):
    rng = np.random.default_rng(seed)
    label = {"both": rng.random(n) < 0.4, "damaged": np.ones(n, bool), "others": np.zeros(n, bool)}[classes]
    probability = np.clip(rng.normal(0.35 + 0.3 * label, 0.2), 0, 1)
    return Predictions(
        sha256=[f"{number:064x}" for number in range(n)],
        label=label,
        probability=probability,
        decision=["damaged" if p >= 0.6 else "not_damaged" if p < 0.3 else "unsure" for p in probability],
        event=[events[number % len(events)] for number in range(n)],
        source=["corpus"] * n,
    )


def pictures(folder, predictions):
    """One drawn picture for every row, wide and tall ones, under names that need care."""
    files = {}
    for number, sha256 in enumerate(predictions.sha256):
        size = (320, 120) if number % 2 else (90, 260)
        path = folder / f"$x_{number}$ 地震.jpg"
        Image.new("RGB", size, (number % 255, 90, 140)).save(path)
        files[sha256] = path
    return files


def check_png(path, *, min_kb=4):
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert path.stat().st_size > min_kb * 1000
    with Image.open(path) as image:
        image.load()
        assert 700 <= image.width <= 1600
        assert 200 <= image.height <= 9000
        assert len(set(image.convert("L").resize((64, 64)).tobytes())) > 5  # not a blank sheet
    return path


@pytest.mark.parametrize("draw", SINGLE)
@pytest.mark.parametrize(
    ("n", "classes"), [(200, "both"), (1, "damaged"), (30, "damaged"), (30, "others"), (2, "both")]
)
def test_each_plot_of_any_size_and_mix_is_a_png(tmp_path, draw, n, classes):
    path = tmp_path / "plots" / "plot.png"
    assert draw(drawn(n, classes), path) == path
    check_png(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["plot.png"]


def test_all_plots_are_drawn_with_pictures_that_cannot_be_read_among_them(tmp_path):
    predictions = drawn(40)
    files = pictures(tmp_path, predictions)
    wrong = [row.file for row in choose_mistakes(predictions, files, 40)]
    wrong[0].write_bytes(wrong[0].read_bytes()[:400])
    wrong[1].unlink()
    wrong[2].write_bytes(b"")
    paths = plots.draw_all(predictions, files, tmp_path / "plots", worst=12)
    assert sorted(path.stem for path in paths) == [
        "confusion", "precision_recall", "reliability", "risk_coverage", "worst_mistakes",
    ]  # fmt: skip
    for path in paths:
        check_png(path)


def test_the_same_predictions_give_the_same_bytes(tmp_path):
    predictions = drawn()
    for draw in SINGLE:
        first, second = draw(predictions, tmp_path / "a.png"), draw(predictions, tmp_path / "b.png")
        assert first.read_bytes() == second.read_bytes()


def test_the_sheet_grows_with_its_pictures_and_shows_them(tmp_path):
    predictions = drawn(60)
    Image.new("RGB", (200, 200), (255, 0, 255)).save(tmp_path / "magenta.png")
    row = Mistake(tmp_path / "magenta.png", "magenta.png", label=False, probability=0.97, event="none")
    few = check_png(plots.worst_mistakes([row], tmp_path / "few.png", predictions=predictions))
    many = check_png(plots.worst_mistakes([row] * 20, tmp_path / "many.png", predictions=predictions))

    def size_and_magenta(path):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        shown = (pixels[..., 0] > 240) & (pixels[..., 1] < 15) & (pixels[..., 2] > 240)
        return image.height, int(shown.sum())

    (low, once), (high, often) = size_and_magenta(few), size_and_magenta(many)
    assert high > 2 * low
    assert once > 10_000
    assert often == pytest.approx(20 * once, rel=0.05)


def test_no_mistake_and_no_picture_still_give_a_sheet(tmp_path):
    check_png(plots.worst_mistakes([], tmp_path / "none.png", predictions=drawn(3)))
    row = Mistake(None, "gone", label=True, probability=0.01, event="2015-nepal")
    check_png(plots.worst_mistakes([row], tmp_path / "gone.png", predictions=drawn(3)))


def rows_of(*rows):
    return Predictions(
        sha256=[name for name, _, _ in rows],
        label=np.array([label for _, label, _ in rows]),
        probability=np.array([probability for *_, probability in rows]),
        decision=["damaged" if probability >= 0.5 else "unsure" for *_, probability in rows],
        event=["none"] * len(rows),
        source=["corpus"] * len(rows),
    )


def test_worst_mistakes_are_the_most_confident_of_both_directions():
    predictions = rows_of(
        ("right", True, 0.9), ("alarm-mild", False, 0.6), ("alarm-bad", False, 0.99), ("alarm", False, 0.8),
        ("missed-bad", True, 0.05), ("missed", True, 0.4), ("also-right", False, 0.1),
    )  # fmt: skip
    chosen = choose_mistakes(predictions, {}, 4)
    assert [row.name for row in chosen] == ["alarm-bad", "missed-bad", "alarm", "missed"]
    assert [row.label for row in chosen] == [False, True, False, True]
    assert chosen[1].belief == pytest.approx(0.95)
    assert all(row.file is None for row in chosen)


@pytest.mark.parametrize(("count", "alarms", "missed"), [(1, 0, 1), (2, 1, 1), (4, 3, 1), (5, 4, 1), (9, 4, 1)])
def test_places_that_one_direction_leaves_go_to_the_other(count, alarms, missed):
    predictions = rows_of(*((f"alarm{number}", False, 0.9) for number in range(4)), ("missed", True, 0.1))
    chosen = choose_mistakes(predictions, {}, count)
    assert [sum(not row.label for row in chosen), sum(row.label for row in chosen)] == [alarms, missed]


def test_the_title_says_how_many_pictures_of_which_earthquakes():
    assert scope(drawn(200)).startswith("200 pictures (")
    assert scope(drawn(9)).endswith("held-out earthquakes: 2015-nepal, 2016-ecuador")
    assert scope(drawn(9, events=("2015-nepal",))).endswith("held-out earthquake: 2015-nepal")
    assert scope(drawn(9, events=("none", "unknown"))).endswith("no named earthquake")
    many = scope(drawn(9, events=tuple("abcdefg")))
    assert many.endswith("held-out earthquakes: a, b, c, d and 3 more")


def test_pyplot_is_never_imported(tmp_path):
    code = f"""
import sys, pathlib, numpy as np
from quakelens.evaluation.plots import draw_all
from quakelens.evaluation.predictions import Predictions
assert "matplotlib" not in sys.modules and "sklearn" not in sys.modules, "imported too early"
label, probability = np.array([True, False]), np.array([.9, .8])
p = Predictions(["a", "b"], label, probability, ["damaged"] * 2, ["x", "none"], ["s"] * 2)
draw_all(p, {{}}, pathlib.Path({str(tmp_path)!r}), worst=2)
assert "matplotlib.pyplot" not in sys.modules, "pyplot was imported"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
