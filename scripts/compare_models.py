"""Compare settings of the model by leaving whole earthquakes and whole sources out together.

    scripts/compare_models.py MANIFEST [--cache DIR] [--table FILE] [--only TEXT] [--mlflow DIR]

Every picture is judged once, by heads that have seen neither its earthquake nor its source (the rules are in
quakelens/dataset/leave_out.py). Rows with a `group` are never judged. Prints a table, writes it, and logs every
setting to MLflow: parameters, figures with 95 % intervals, and the predictions. Frozen features are computed once
a picture, backbone and view.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Corpus, View, features, read_corpus
from numpy.typing import NDArray
from study import STUDY, study_by_image, study_left_out

from quakelens.dataset.leave_out import Fold, Helpers, Place, folds_of, leave_out
from quakelens.evaluation.calibration import expected_calibration_error, fit_platt, weights_at
from quakelens.evaluation.comparison import short
from quakelens.evaluation.intervals import percentile_interval, resamples, weighted_ranking
from quakelens.evaluation.thresholds import precision_at
from quakelens.model.looks import choose_second_look_from, combine
from quakelens.model.training import Head, fit_centred, fit_head
from quakelens.params import Training, read_params

CROP, SQUASH = ("crop", 224), ("squash", 224)
LITE0, BLOCKS0 = "efficientnet_lite0", "efficientnet_lite0.blocks"
LITE2, BLOCKS2 = "efficientnet_lite2", "efficientnet_lite2.blocks"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is compared.

    Attributes:
        name: As in the table.
        models: Backbones, each with its views, whose mean features it takes; logits of models are averaged.
        twice: Of two models the second is asked only where the first does not rule damage out, as the engine does.
        helpers: See `quakelens.dataset.leave_out`.
        centred: Whether each head's bias is moved by its own out-of-fold logits.
        corrected: Whether labels are corrected as the notes say.
        kind: `linear`, or another head that was tried.
    """

    name: str
    models: tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...] = ((BLOCKS0, (CROP,)),)
    twice: bool = False
    l2: float = 0.3
    max_source_share: float = 0.3
    helpers: Helpers = "unknown"
    centred: bool = True
    corrected: bool = True
    kind: str = "linear"


BEST = Setting("bottleneck, crop 224, unknown helps (rule 6), bias centred")
TWO = ((BLOCKS0, (CROP, ("squash", 320))),)
LOOKS = ((BLOCKS0, (CROP,)), (BLOCKS2, (("squash", 260, 16),)))
BOTH = (*TWO, (BLOCKS2, (("crop", 260), ("squash", 260))))
FIRST = {"l2": 1.0, "max_source_share": 0.5, "helpers": "none", "centred": False, "corrected": False}
SETTINGS = (
    Setting("earlier starter: 1280 features, squash 224", ((LITE0, (SQUASH,)),), **FIRST),  # type: ignore[arg-type]
    Setting("the same, centre crop", ((LITE0, (CROP,)),), **FIRST),  # type: ignore[arg-type]
    Setting("the same, unknown helps", ((LITE0, (CROP,)),), **FIRST | {"helpers": "unknown"}),  # type: ignore[arg-type]
    Setting("bottleneck (320 features) instead", **FIRST | {"helpers": "unknown"}),  # type: ignore[arg-type]
    replace(BEST, name="the same, l2 .3, source share .3", centred=False, corrected=False),
    replace(BEST, name="the same, bias centred", corrected=False),
    replace(BEST, name="the same, 4 labels corrected"),
    replace(BEST, name="and kept-apart groups help", helpers="all"),
    replace(BEST, name="and all unknown and groups for every fold (loose)", helpers="loose"),
    replace(BEST, name="without help (named earthquakes only)", helpers="none"),
    replace(BEST, name="squash 224", models=((BLOCKS0, (SQUASH,)),)),
    replace(BEST, name="whole picture on grey 224", models=((BLOCKS0, (("pad", 224),)),)),
    replace(BEST, name="squash 320", models=((BLOCKS0, (("squash", 320),)),)),
    replace(BEST, name="crop 320", models=((BLOCKS0, (("crop", 320),)),)),
    replace(BEST, name="crop 224 + squash 224", models=((BLOCKS0, (CROP, SQUASH)),)),
    replace(BEST, name="crop 224 + squash 320", models=TWO),
    replace(BEST, name="crop 224 + squash 320, groups help", models=TWO, helpers="all"),
    replace(BEST, name="crop 224 + squash 320, loose", models=TWO, helpers="loose"),
    replace(BEST, name="Lite2, crop 260", models=((BLOCKS2, (("crop", 260),)),)),
    replace(BEST, name="Lite2, squash 260", models=((BLOCKS2, (("squash", 260),)),)),
    replace(BEST, name="Lite0 and Lite2, two views each", models=BOTH),
    replace(BEST, name="Lite0 and Lite2, two views each, loose", models=BOTH, helpers="loose"),
    replace(BEST, name="Lite0 crop 224, and Lite2 squash 260 at stride 16", models=LOOKS),
    replace(BEST, name="what ships: the same, the second only where need be", models=LOOKS, twice=True),
    replace(BEST, name="what ships, loose", models=LOOKS, twice=True, helpers="loose"),
    replace(BEST, name="source share .1", max_source_share=0.1),
    replace(BEST, name="source share 1 (no cap)", max_source_share=1.0),
    replace(BEST, name="l2 3", l2=3.0),
    replace(BEST, name="l2 .03", l2=0.03),
    replace(BEST, name="support vectors (RBF) instead of a line", kind="svm"),
    replace(BEST, name="small network (32 hidden) instead of a line", kind="mlp"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """Logits of the judged pictures and what they are worth."""

    name: str
    figures: dict[str, Any]
    logits: NDArray[np.float64]
    settings: dict[str, Any] = field(default_factory=dict)


def run(
    setting: Setting, corpus: Corpus, cache: Path, places: list[Place], folds: list[Fold] | None = None
) -> NDArray[np.float64]:
    """Logits `(N,)`, NaN where not judged; by default all folds of the places are judged."""
    logits = []
    for backbone, views in setting.models:
        values = np.mean([features(corpus, View(backbone, *view), cache) for view in views], axis=0)
        logits.append(out_of_fold(values, corpus, places, setting, folds))
    if setting.twice:
        first, second = logits
        judged = np.isfinite(first)
        rate = corpus.params.decision.second_look_miss_rate
        return combine(first, second, choose_second_look_from(first[judged], corpus.damaged[judged], rate))
    return np.asarray(np.mean(logits, axis=0))


def out_of_fold(
    values: NDArray[np.float32],
    corpus: Corpus,
    places: list[Place],
    setting: Setting,
    folds: list[Fold] | None = None,
) -> NDArray[np.float64]:
    """Logits `(N,)` by heads on features `(N, channels)`, NaN where not judged."""
    logits = np.full(len(corpus.rows), np.nan)
    training = training_of(corpus, setting)
    for fold in folds_of(places) if folds is None else folds:
        damaged, sources = corpus.damaged[fold.train], [corpus.sources[row] for row in fold.train]
        if setting.kind != "linear":
            logits[fold.judged] = other_head(setting.kind, values, damaged, fold)
            continue
        names, not_for = [places[row].fold for row in fold.train], [places[row].not_for for row in fold.train]
        head: Head = (
            fit_centred(values[fold.train], damaged, sources, names, training, not_for)
            if setting.centred
            else fit_head(values[fold.train], damaged, sources, training)
        )
        logits[fold.judged] = head.logits(values[fold.judged])
    return logits


def training_of(corpus: Corpus, setting: Setting) -> Training:
    """The section `training` of params.yaml with what the setting changes."""
    changes = {"l2": setting.l2, "max_source_share": setting.max_source_share}
    return corpus.params.training.model_copy(update=changes)


def other_head(kind: str, values: NDArray[np.float32], damaged: NDArray[np.bool_], fold: Fold) -> NDArray[np.float64]:
    """Heads that were tried and are not used."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if kind == "svm":
        model = make_pipeline(StandardScaler(), SVC(C=10, gamma=0.5 / values.shape[1], class_weight="balanced"))
        model.fit(values[fold.train], damaged)
        return np.asarray(model.decision_function(values[fold.judged]))
    weight = np.where(damaged, 0.5 / damaged.mean(), 0.5 / (1 - damaged.mean()))
    model = make_pipeline(
        StandardScaler(), MLPClassifier((32,), alpha=100, solver="lbfgs", max_iter=300, random_state=0)
    )
    model.fit(values[fold.train], damaged, mlpclassifier__sample_weight=weight)
    chance = np.clip(model.predict_proba(values[fold.judged])[:, 1], 1e-9, 1 - 1e-9)
    return np.asarray(np.log(chance / (1 - chance)))


def judge(logits: NDArray[np.float64], corpus: Corpus) -> dict[str, Any]:
    """Figures that need no threshold chosen elsewhere, pooled over the judged pictures, with 95 % intervals."""
    judged = np.isfinite(logits)
    scores, damaged = logits[judged], corpus.damaged[judged]
    events = np.array([row.event for row in corpus.rows])[judged]
    platt = fit_platt(scores, damaged, weights_at(0.5, damaged))
    found: dict[str, Any] = {"n": len(scores), "positives": int(damaged.sum())}
    rng = np.random.default_rng(corpus.params.evaluation.seed)
    blocks = [
        weighted_ranking(scores, damaged, weights)
        for weights in resamples(damaged, corpus.params.evaluation.bootstrap, rng)
    ]
    for position, name in enumerate(("auc", "average_precision")):
        found[name] = float(weighted_ranking(scores, damaged, np.ones((1, len(scores))))[position][0])
        found[f"{name}_ci"] = percentile_interval(np.concatenate([block[position] for block in blocks]))
    order = np.argsort(-scores, kind="stable")
    hits, flagged = np.cumsum(damaged[order]), np.arange(1, len(scores) + 1)
    f1 = 2 * hits / (flagged + damaged.sum())
    found["best_f1"] = float(f1.max())
    for event in ("2015-nepal", "2016-ecuador"):
        own = events == event
        if damaged[own].any() and not damaged[own].all():
            found[f"auc_{event}"] = float(weighted_ranking(scores[own], damaged[own], np.ones((1, own.sum())))[0][0])
    threshold = np.quantile(scores[damaged], 0.15)
    false_alarms = float(np.mean(scores[~damaged] >= threshold))
    found["precision_5_at_recall_85"] = float(precision_at(0.05, np.mean(scores[damaged] >= threshold), false_alarms))
    found["ece_own_platt"] = expected_calibration_error(platt.apply(scores), damaged)
    return found


HEADER = ("setting", "AUC (95 %)", "AP (95 %)", "best F1", "Nepal AUC", "Ecuador AUC", "P at 5 %, R .85")


def told(result: Result) -> tuple[str, ...]:
    """A row of the table."""
    own = result.figures

    def cell(key: str) -> str:
        low, high = own[f"{key}_ci"]
        return f"{short(own[key])} ({short(low)} to {short(high)})"

    rest = ("best_f1", "auc_2015-nepal", "auc_2016-ecuador", "precision_5_at_recall_85")
    return (result.name, cell("auc"), cell("average_precision"), *(short(own.get(key)) for key in rest))


def write_table(results: list[Result], path: Path) -> None:
    """Write a Markdown table."""
    lines = [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}"]
    lines += [f"| {' | '.join(told(result))} |" for result in results]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def log(results: list[Result], folder: Path) -> None:
    """Log every result to an MLflow store in `folder`."""
    import mlflow

    folder.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder.resolve()}/mlflow.db")
    experiment = mlflow.get_experiment_by_name("compare-models")
    identity = (
        experiment.experiment_id
        if experiment
        else mlflow.create_experiment("compare-models", artifact_location=(folder.resolve() / "artifacts").as_uri())
    )
    for result in results:
        with mlflow.start_run(experiment_id=identity, run_name=result.name):
            mlflow.log_params({key: str(value) for key, value in result.settings.items()})
            mlflow.log_metrics({key: value for key, value in result.figures.items() if isinstance(value, (int, float))})
            mlflow.log_dict(
                {"figures": result.figures, "logits": [None if np.isnan(x) else float(x) for x in result.logits]},
                "result.json",
            )


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("data/compare-cache"))
    parser.add_argument("--table", type=Path, default=Path("data/compare.md"))
    parser.add_argument("--mlflow", type=Path, default=Path("mlruns"))
    parser.add_argument("--only", default="", help="settings whose name holds this text")
    options = parser.parse_args()
    params = read_params(Path(__file__).parents[1] / "params.yaml")
    corpora = {flag: read_corpus(options.manifest, params, corrected=flag) for flag in (True, False)}
    results = []

    def add(name: str, logits: NDArray[np.float64], corpus: Corpus, settings: dict[str, Any]) -> None:
        results.append(Result(name, judge(logits, corpus), logits, settings))
        print(" | ".join(told(results[-1])), flush=True)

    def places_of(corpus: Corpus, helpers: Helpers) -> list[Place]:
        least, parts = params.split.min_per_class, params.split.source_folds
        return leave_out(corpus.rows, min_per_class=least, source_folds=parts, helpers=helpers)

    print(" | ".join(HEADER))
    for setting in SETTINGS:
        if options.only in setting.name:
            corpus = corpora[setting.corrected]
            logits = run(setting, corpus, options.cache, places_of(corpus, setting.helpers))
            add(setting.name, logits, corpus, asdict(setting))
    if options.only in STUDY:
        corpus = corpora[True]
        folds = folds_of(places_of(corpus, "none"))
        by_image = study_by_image(corpus, options.cache, folds)
        add(f"{STUDY}, split by image", by_image, corpus, {"recipe": "study"})
        add(f"{STUDY}, left out", study_left_out(corpus, options.cache, folds), corpus, {"recipe": "study"})
    options.table.parent.mkdir(parents=True, exist_ok=True)
    write_table(results, options.table)
    options.table.with_suffix(".json").write_text(json.dumps({r.name: r.figures for r in results}, indent=1))
    log(results, options.mlflow)


if __name__ == "__main__":
    main()
