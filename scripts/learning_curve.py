"""What would more damaged pictures bring? Figures as a function of how many are learnt from.

    scripts/learning_curve.py MANIFEST [--cache DIR] [--table FILE] [--plot FILE] [--draws N]

The chosen setting of scripts/compare_models.py (`BEST`) is judged as there, but of each fold's damaged training
pictures only so many are kept, drawn several times; all others stay. Nepal's fold and all folds pooled are told apart.
In the pooled rows the folds have different numbers of pictures: the number told is the mean over the judged damaged
pictures of what their heads had. Then Nepal's fold learns from a few earthquakes instead of many. A power law is fitted
to 1 - AP and to the false-positive rate at recall .85, to tell how many pictures the aims would take.

Intervals come from drawing the judged pictures anew (stratified by class, the same for all rows) and from the draws of
training pictures. They say nothing of other earthquakes, nor of whether the power law goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from corpus import read_corpus
from learning_points import PREVALENCE, RECALL, Fits, Point, Points, at_most, fit
from matplotlib.figure import Figure

from quakelens.evaluation.canvas import BLUE, GREY, INK, RED, save
from quakelens.evaluation.power_law import PowerLaw
from quakelens.evaluation.thresholds import precision_at
from quakelens.params import read_params

COUNTS = (7, 14, 28, 56, 112)
AIM_AP, AIM_PRECISION = 0.93, 0.90
AIM_ALARMS = PREVALENCE * RECALL * (1 / AIM_PRECISION - 1) / (1 - PREVALENCE)
RESAMPLES = 300
HEADER = ("learnt from", "damaged", "draws", "AUC", "AP", "P at 5 %, R .85")
SCOPES = ("Nepal 2015 left out", "all folds pooled")


def needed(law: PowerLaw, drawn: list[PowerLaw], error: float) -> str:
    """How many pictures an error takes, with a 95 % interval."""
    counts = np.array([each.count_for(error) for each in drawn])
    low, high = np.percentile(counts, [2.5, 97.5], method="closest_observation")
    return f"{_told(law.count_for(error))} ({_told(low)} to {_told(high)})"


def _told(count: float) -> str:
    return f"{float(f'{count:.2g}'):,.0f}" if count < 100_000 else "more than 100,000"


def told_fits(scope: str, points: list[Point], fits: Fits) -> list[str]:
    """What the power laws say, as lines of text."""
    reached, exponents = points[-1].count, [each.exponent for each in fits.error_drawn]
    low, high = np.percentile(exponents, [2.5, 97.5])
    return [
        f"{scope}: 1 - AP = {fits.error.factor:.2f} * n^-{fits.error.exponent:.2f} (exponent {low:.2f} to {high:.2f}), "
        f"fitted to {len(points)} numbers of pictures up to {reached:.0f}.",
        f"  AP {AIM_AP}: {needed(fits.error, fits.error_drawn, 1 - AIM_AP)} damaged pictures.",
        f"  Precision {AIM_PRECISION} at {PREVALENCE:.0%} and recall {RECALL}: "
        f"{needed(fits.alarms, fits.alarms_drawn, AIM_ALARMS)}.",
    ]


def plot(curves: dict[str, tuple[list[Point], list[Point], Fits]], path: Path) -> None:
    """AP and precision over the number of pictures: draws, means, the fit with its band, and the aims."""
    figure = Figure(figsize=(10, 4.6), dpi=120, facecolor="white")
    axes = figure.subplots(1, 2)
    titles = ("average precision", f"precision at {PREVALENCE:.0%}, recall {RECALL}")
    for side, (title, column, aim) in enumerate(zip(titles, (1, 2), (AIM_AP, AIM_PRECISION), strict=True)):
        own = axes[side]
        for (scope, (points, more, fits)), colour in zip(curves.items(), (RED, BLUE), strict=True):
            counts = np.geomspace(points[0].count, 3000, 80)
            law, drawn = (fits.error, fits.error_drawn) if column == 1 else (fits.alarms, fits.alarms_drawn)

            def value(each: PowerLaw, counts=counts, column=column):  # type: ignore[no-untyped-def]
                errors = np.clip(each.factor * counts**-each.exponent, 1e-9, 1)
                return 1 - errors if column == 1 else precision_at(PREVALENCE, RECALL, errors)

            band = np.percentile([value(each) for each in drawn], [2.5, 97.5], axis=0)
            own.fill_between(counts, *band, color=colour, alpha=0.12, linewidth=0)
            own.plot(counts, value(law), color=colour, linewidth=1, linestyle="--")
            for point in points:
                values = point.figures()[:, column]
                own.plot([point.count] * len(values), values, ".", color=colour, alpha=0.3, markersize=4)
            means = [point.figures()[:, column].mean() for point in points]
            own.plot([point.count for point in points], means, "o", color=colour, label=scope)
            own.plot([point.count for point in more], [point.figures()[0, column] for point in more], "^",
                     color=colour, markerfacecolor="white", label=f"{scope}, other pictures help too")  # fmt: skip
        own.axhline(aim, color=GREY, linewidth=1)
        own.text(7.2, aim + 0.006, f"aim {aim}", color=INK, fontsize=8)
        own.set_xscale("log")
        own.set_xticks([10, 30, 100, 300, 1000, 3000], ["10", "30", "100", "300", "1,000", "3,000"])
        own.set_xlabel("damaged pictures in training, of other earthquakes")
        own.set_title(title, fontsize=11, loc="left")
        own.set_ylim(0, 1)
        own.grid(color="#e6e8eb", linewidth=0.8)
        own.spines[["top", "right"]].set_visible(False)
    axes[0].legend(fontsize=8, loc="lower right", frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path)


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}", *(f"| {' | '.join(row)} |" for row in rows)]


def main() -> None:
    """Measure, fit, and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("data/compare-cache"))
    parser.add_argument("--table", type=Path, default=Path("data/learning-curve.md"))
    parser.add_argument("--plot", type=Path, default=Path("data/learning-curve.png"))
    parser.add_argument("--draws", type=int, default=6)
    options = parser.parse_args()
    corpus = read_corpus(options.manifest, read_params(Path(__file__).parents[1] / "params.yaml"))
    points = Points(corpus, options.cache)
    pairs = [points.of(f"{count} or all of a fold", at_most(count), options.draws) for count in COUNTS]
    pairs.append(points.of("all"))
    others = [points.of(f"all, helpers `{helpers}`", helpers=helpers) for helpers in ("all", "loose")]
    lines: list[str] = []
    curves = {}
    for side, scope in enumerate(SCOPES):
        full = pairs[-1][side].count
        own = [pair[side] for pair in pairs[:-1] if pair[side].count < full] + [pairs[-1][side]]
        more = [pair[side] for pair in others]
        fits = fit(own, RESAMPLES, corpus.params.evaluation.seed)
        curves[scope] = (own, more, fits)
        lines += [scope, "", *table([point.row() for point in (*own, *more)]), ""]
        lines += [*told_fits(scope, own, fits), ""]
    draws = 3 * options.draws
    few = [
        points.nepal("7 of one earthquake", points.spread(1, 7), draws),
        points.nepal("7 of seven earthquakes", points.spread(7, 7), draws),
        *(points.nepal(f"{k} earthquake{'s' if k > 1 else ''}", points.spread(k), draws) for k in (1, 2, 4, 8)),
    ]
    lines += [f"{SCOPES[0]}, named earthquakes only", "", *table([point.row() for point in few]), ""]
    print("\n".join(lines))
    options.table.parent.mkdir(parents=True, exist_ok=True)
    options.table.write_text("\n".join(lines), encoding="utf-8")
    plot(curves, options.plot)


if __name__ == "__main__":
    main()
