"""Points of learning curves: figures of the chosen setting where fewer of the damaged pictures are learnt from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from compare_models import BEST, run
from corpus import Corpus
from numpy.typing import NDArray

from quakelens.dataset.leave_out import Fold, Helpers, Place, folds_of, leave_out
from quakelens.dataset.manifest import is_earthquake
from quakelens.evaluation.comparison import short
from quakelens.evaluation.intervals import resamples, weighted_ranking
from quakelens.evaluation.power_law import PowerLaw, fit_power_law
from quakelens.evaluation.thresholds import precision_at

NEPAL = "2015-nepal"
PREVALENCE, RECALL = 0.05, 0.85

Choose = Callable[[NDArray[np.intp], np.random.Generator], NDArray[np.intp]]
"""Which of a fold's damaged training pictures are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The model on one scope, learnt from one number of damaged pictures.

    Attributes:
        name: As in the table.
        count: Damaged training pictures, the mean over the draws.
        logits: Of the judged pictures of the scope, one array a draw.
        damaged: Their labels.
    """

    name: str
    count: float
    logits: list[NDArray[np.float64]]
    damaged: NDArray[np.bool_]

    def figures(self) -> NDArray[np.float64]:
        """AUC, AP, and precision at 5 % and recall .85; one row a draw."""
        found = []
        for logits in self.logits:
            auc, ap = weighted_ranking(logits, self.damaged, np.ones((1, len(logits))))
            precision = precision_at(PREVALENCE, RECALL, alarms_at(logits, self.damaged))
            found.append((auc[0], ap[0], precision))
        return np.array(found, dtype=np.float64)

    def row(self) -> tuple[str, ...]:
        """A row of the table: the mean over the draws, and the lowest and the highest of several."""
        figures = self.figures()
        cells = [short(float(value)) for value in figures.mean(axis=0)]
        if len(figures) > 1:
            ranges = zip(cells, figures.min(axis=0), figures.max(axis=0), strict=True)
            cells = [f"{cell} ({short(float(low))} to {short(float(high))})" for cell, low, high in ranges]
        return (self.name, f"{self.count:.0f}", str(len(figures)), *cells)


def alarms_at(logits: NDArray[np.float64], damaged: NDArray[np.bool_]) -> float:
    """False-positive rate at the threshold that finds `RECALL`; that of half an alarm where there is none."""
    others = logits[~damaged]
    alarms = float(np.sum(others >= np.quantile(logits[damaged], 1 - RECALL)))
    return max(alarms, 0.5) / len(others)


class Points:
    """Makes points on a corpus, judged as scripts/compare_models.py judges."""

    def __init__(self, corpus: Corpus, cache: Path) -> None:
        self._corpus, self._cache = corpus, cache

    def of(self, name: str, choose: Choose | None = None, draws: int = 1,
           helpers: Helpers = BEST.helpers) -> tuple[Point, Point]:  # fmt: skip
        """The points of Nepal's fold and of all folds, with the damaged pictures that `choose` keeps; None: all."""
        places = self._places(helpers)
        folds = folds_of(places)
        logits, counts = [], []
        for draw in range(draws):
            kept = [self._reduced(fold, choose, np.random.default_rng([draw, k])) for k, fold in enumerate(folds)]
            logits.append(run(BEST, self._corpus, self._cache, places, kept))
            counts.append([self._count(fold.train) for fold in kept])
        mean = np.mean(counts, axis=0)
        nepal = [fold.name for fold in folds].index(NEPAL)
        pooled = float(np.average(mean, weights=[self._count(fold.judged) for fold in folds]))
        return (
            self._point(name, float(mean[nepal]), logits, folds[nepal].judged),
            self._point(name, pooled, logits, np.concatenate([fold.judged for fold in folds])),
        )

    def nepal(self, name: str, choose: Choose, draws: int) -> Point:
        """The point of Nepal's fold alone, learnt from named earthquakes only."""
        places = self._places("none")
        (fold,) = (fold for fold in folds_of(places) if fold.name == NEPAL)
        logits, counts = [], []
        for draw in range(draws):
            kept = self._reduced(fold, choose, np.random.default_rng(draw))
            logits.append(run(BEST, self._corpus, self._cache, places, [kept]))
            counts.append(self._count(kept.train))
        return self._point(name, float(np.mean(counts)), logits, fold.judged)

    def spread(self, earthquakes: int, pictures: int | None = None) -> Choose:
        """Keep so many earthquakes, drawn, and of their pictures all, or so many, the same number of each."""

        def choose(damaged: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
            events = np.array([self._corpus.rows[row].event for row in damaged])
            named = sorted({event for event in events if is_earthquake(event)})
            each = -(-pictures // earthquakes) if pictures else 1
            enough = [event for event in named if np.sum(events == event) >= each]
            if len(enough) < earthquakes:
                raise SystemExit(f"{len(enough)} earthquakes have {each} damaged pictures, not {earthquakes}")
            rows = [damaged[events == event] for event in rng.choice(enough, earthquakes, replace=False)]
            if pictures:
                rows = [rng.choice(own, each, replace=False) for own in rows]
            return np.concatenate(rows)[:pictures]

        return choose

    def _places(self, helpers: Helpers) -> list[Place]:
        split = self._corpus.params.split
        return leave_out(
            self._corpus.rows, min_per_class=split.min_per_class, source_folds=split.source_folds, helpers=helpers
        )

    def _point(self, name: str, count: float, logits: list[NDArray[np.float64]], judged: NDArray[np.intp]) -> Point:
        return Point(name, count, [each[judged] for each in logits], self._corpus.damaged[judged])

    def _count(self, rows: NDArray[np.intp]) -> int:
        return int(self._corpus.damaged[rows].sum())

    def _reduced(self, fold: Fold, choose: Choose | None, rng: np.random.Generator) -> Fold:
        if choose is None:
            return fold
        damaged = fold.train[self._corpus.damaged[fold.train]]
        others = fold.train[~self._corpus.damaged[fold.train]]
        return replace(fold, train=np.sort(np.concatenate([others, choose(damaged, rng)])))


def at_most(count: int) -> Choose:
    """Keep so many, drawn; all where there are no more."""
    return lambda damaged, rng: rng.choice(damaged, min(count, len(damaged)), replace=False)


@dataclass(frozen=True, slots=True)
class Fits:
    """Power laws of 1 - AP and of the false-positive rate at recall .85, and those of resamples."""

    error: PowerLaw
    alarms: PowerLaw
    error_drawn: list[PowerLaw]
    alarms_drawn: list[PowerLaw]


def fit(points: list[Point], count: int, seed: int) -> Fits:
    """Fit to the means over the draws; in each resample the judged pictures and the draws are drawn anew."""
    damaged = points[0].damaged
    rng = np.random.default_rng(seed)
    weights = np.concatenate(list(resamples(damaged, count, rng)))
    x = [point.count for point in points]

    def both(drawn: NDArray[np.float64], draws: list[list[int]]) -> tuple[PowerLaw, PowerLaw]:
        errors, alarms = [], []
        repeated = np.repeat(np.arange(len(damaged)), drawn.astype(np.intp))
        for point, chosen in zip(points, draws, strict=True):
            ranked = [weighted_ranking(point.logits[draw], damaged, drawn[None])[1][0] for draw in chosen]
            flagged = [alarms_at(point.logits[draw][repeated], damaged[repeated]) for draw in chosen]
            errors.append(1 - np.mean(ranked))
            alarms.append(np.mean(flagged))
        return fit_power_law(x, errors), fit_power_law(x, alarms)

    once = both(np.ones(len(damaged)), [list(range(len(point.logits))) for point in points])
    drawn = [
        both(row, [list(rng.integers(len(point.logits), size=len(point.logits))) for point in points])
        for row in weights
    ]
    return Fits(*once, [each[0] for each in drawn], [each[1] for each in drawn])
