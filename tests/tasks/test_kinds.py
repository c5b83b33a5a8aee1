"""The contract of every kind of task: what its line promises, and metrics that agree with the field's libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from pydantic import BaseModel, TypeAdapter
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from sklearn import metrics as sklearn_metrics
from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from emb_pipeline.embeddings.recommenders.profiles import Profiles
from emb_pipeline.reporting.wording import name_metric
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.tasks.classification.swapped import SWAPPED_PREDICTIONS
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.examples.reader import ExamplesReader
from emb_pipeline.tasks.extractive_qa.task import ExtractiveTask
from emb_pipeline.tasks.metrics.metric import Metric
from emb_pipeline.tasks.multi_label.task import MultiLabelTask
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.pair_classification.task import PairClassificationTask
from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.tasks.registry import KINDS, find_metric, list_lower_metrics
from emb_pipeline.tasks.regression.task import RegressionTask
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.tasks.token_classification.task import TokenClassificationTask
from emb_pipeline.text.seen import SEEN, find_seen_classification
from emb_pipeline.text.texts import Texts

SEVERITIES = {"size", "warning", "fault", "ceiling"}
COSTS = pa.table({"dim": [1], "encode_seconds": [0.0], "bytes_per_item": [4.0]})
Case = tuple[Evaluation, Mapping[str, float]]


class RandomVectors:
    """A vector of its own for each distinct text."""

    dim = 16

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = [np.random.default_rng(list(text.encode())).normal(size=self.dim) for text in texts]
        return np.array(rows, dtype=np.float32)


def cosines(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    one, other = (RandomVectors().encode(texts).astype(np.float64) for texts in (first, second))
    return (one @ other.T) / np.linalg.norm(one, axis=1)[:, None] / np.linalg.norm(other, axis=1)


def names(letter: str, n: int) -> np.ndarray:
    return np.array([f"{letter}{number}" for number in range(n)])


def predictions(ids: np.ndarray, values: list[Any]) -> dict[str, pa.Table]:
    return {"predictions": pa.table({"unit_id": ids.tolist(), "values": values}), "costs": COSTS}


def as_a_library_ranks(grades: np.ndarray, scores: np.ndarray, wanted: Mapping[str, str]) -> dict[str, float]:
    """Means over the rows of both tables, by trec_eval; -inf is no place in the ranking."""
    ir_measures = pytest.importorskip("ir_measures")
    qrels = [ir_measures.Qrel(f"q{row}", f"d{column}", int(grades[row, column])) for row, column in np.argwhere(grades > 0)]
    run = [
        ir_measures.ScoredDoc(f"q{row}", f"d{column}", float(scores[row, column]))
        for row, column in np.argwhere(np.isfinite(scores))
    ]
    measures = {name: ir_measures.parse_measure(measure) for name, measure in wanted.items()}
    found = ir_measures.calc_aggregate(list(measures.values()), qrels, run)
    return {name: float(found[measure]) for name, measure in measures.items()}


def classification() -> Case:
    rng = np.random.default_rng(1)
    labels = np.array(["a", "b", "c", "d"])[rng.integers(4, size=80)]
    split = np.where(np.arange(80) < 30, "train", "test")
    task = ClassificationTask("t", names("e", 80), Texts([f"text {n}" for n in range(80)]), labels, split)
    raw = rng.normal(size=(50, 4))
    logs = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
    kind = KINDS["classification"]
    options = kind.read_options({"metrics": ["balanced_accuracy", "mcc", "auroc", "auprc", "ece"]})
    true, predicted = labels[30:], np.array(["a", "b", "c", "d"])[logs.argmax(axis=1)]
    one_hot, confidence = true[:, None] == np.array(["a", "b", "c", "d"]), np.exp(logs.max(axis=1))
    bins = [(low < confidence) & (confidence <= low + 1 / 15) for low in np.arange(15) / 15]
    sides, says = rng.choice(["first", "second"], size=50), rng.integers(4, size=50)
    rows = {
        "swap": ["x"] * 50,
        "unit_id": task.example_ids[30:].tolist(),
        "side": sides.tolist(),
        "predicted": says.tolist(),
    }
    swapped = {"swapped": pa.table(rows, schema=SWAPPED_PREDICTIONS)}
    made = predictions(task.example_ids[30:], logs.tolist())
    found = kind.score_predictions(task, {**made, **swapped}, options)
    exchanged, is_first = np.array(["a", "b", "c", "d"])[says], sides == "first"
    scored = sklearn_metrics.accuracy_score
    first, second = (np.where(mine, predicted, exchanged) for mine in (is_first, ~is_first))
    return found, {
        "swapped_x": 50,
        "firstside_x": is_first.sum(),
        "secondside_x": (~is_first).sum(),
        "changed_x": 1 - scored(predicted, exchanged),
        "accuracy_x": scored(true, exchanged),
        "lost_x": scored(true, predicted) - scored(true, exchanged),
        "gap_x": scored(true[is_first], predicted[is_first]) - scored(true[~is_first], predicted[~is_first]),
        "samegap_x": scored(true, first) - scored(true, second),
        "accuracy": sklearn_metrics.accuracy_score(true, predicted),
        "macro_f1": sklearn_metrics.f1_score(true, predicted, average="macro"),
        "log_loss": sklearn_metrics.log_loss(true, np.exp(logs), labels=["a", "b", "c", "d"]),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(true, predicted),
        "mcc": sklearn_metrics.matthews_corrcoef(true, predicted),
        "auroc": sklearn_metrics.roc_auc_score(true, np.exp(logs), multi_class="ovr"),
        "auprc": sklearn_metrics.average_precision_score(one_hot, np.exp(logs), average="macro"),
        "ece": sum(abs((confidence - (true == predicted))[each].sum()) / 50 for each in bins),
    }


def multi_label() -> Case:
    """Labels of a third of the texts each, one that no test text has, and a text without any."""
    rng = np.random.default_rng(6)
    label_sets = [[label for label in "abcd" if rng.random() < 0.35] for _ in range(80)]
    label_sets[0], label_sets[1], label_sets[-1] = ["a", "trained"], ["b", "c", "d"], []
    split = np.where(np.arange(80) < 30, "train", "test")
    task = MultiLabelTask("t", names("e", 80), Texts([f"text {n}" for n in range(80)]), label_sets, split)
    true = np.array([[label in labels for label in task.labels] for labels in label_sets[30:]])
    probabilities = np.round(rng.random(true.shape), 1) / 2 + 0.4 * true + 0.01
    margins = np.log(probabilities) - np.log(0.5)
    found = KINDS["multi_label"].score_predictions(
        task, predictions(task.example_ids[30:], margins.tolist()), KINDS["multi_label"].options()
    )
    given, tested = probabilities >= 0.5, true.any(axis=0)
    return found, {
        "micro_f1": sklearn_metrics.f1_score(true, given, average="micro"),
        "macro_f1": sklearn_metrics.f1_score(true[:, tested], given[:, tested], average="macro"),
        "lrap": sklearn_metrics.label_ranking_average_precision_score(true, probabilities),
        "subset_accuracy": sklearn_metrics.accuracy_score(true, given),
    }


def retrieval(rank: str) -> Case:
    rng = np.random.default_rng(2)
    grades = rng.integers(0, 4, size=(30, 200)) * (rng.random((30, 200)) < 0.05)
    grades[np.arange(30), rng.integers(200, size=30)] = 1
    queries, passages = names("query ", 30).tolist(), names("passage ", 200).tolist()
    qrels = sp.csr_array(grades.astype(np.float32))
    task = RetrievalTask("t", names("q", 30), Texts(queries), names("p", 200), Texts(passages), qrels)
    kind, scores = KINDS["retrieval"], cosines(queries, passages)
    found = kind.evaluate_embedding(task, RandomVectors(), kind.options(rank=rank), seed=0)
    if rank == "all":
        return found, as_a_library_ranks(grades, scores, {"ndcg@10": "nDCG@10", "mrr@10": "RR@10", "recall@100": "R@100"})
    scores = np.where(grades > 0, scores, -np.inf)
    return found, as_a_library_ranks(grades, scores, {"ndcg@10": "nDCG@10", "map": "AP", "mrr": "RR"})


def recommendation() -> Case:
    """Users have taken three items, take two more, and some of these are cold."""
    rng = np.random.default_rng(3)
    n_users, n_items, n_cold = 40, 60, 10
    users, items, split = [], [], []
    for user in range(n_users):
        taken = rng.choice(n_items - n_cold, size=6, replace=False).tolist()
        taken[5] = n_items - n_cold + user % n_cold if user % 2 else taken[5]
        users += [user] * 6
        items += taken
        split += ["train", "train", "train", "validation", "test", "test"]
    is_cold = np.arange(n_items) >= n_items - n_cold
    texts = names("item ", n_items).tolist()
    task = RecommendationTask(
        "t",
        names("u", n_users),
        names("i", n_items),
        Texts(texts),
        np.array(users),
        np.array(items),
        np.array(split),
        is_cold,
    )
    kind = KINDS["recommendation"]
    found = kind.evaluate_embedding(task, RandomVectors(), kind.options(), seed=0)
    phase = task.testing
    setting = found.details["setting"]
    scores = np.array(
        Profiles(RandomVectors().encode(texts), ()).fit(phase.learnt, setting).scores(np.arange(n_users)), dtype=np.float64
    )
    scores[phase.known.toarray() > 0] = -np.inf
    wanted = phase.wanted.toarray() > 0
    lists = np.argsort(-scores, axis=1)[:, :10]
    counts = np.asarray(phase.known.toarray()[:, ~is_cold] > 0).sum(axis=0)
    counts = np.concatenate([counts, np.zeros(n_cold)])
    asks_cold = wanted[:, is_cold].any(axis=1)
    cold = as_a_library_ranks(
        wanted[asks_cold][:, is_cold], scores[asks_cold][:, is_cold], {"ndcg@10_cold": "nDCG@10", "recall@20_cold": "R@20"}
    )
    return found, {
        **as_a_library_ranks(wanted, scores, {"ndcg@10": "nDCG@10", "recall@20": "R@20", "mrr": "RR"}),
        "novelty@10": float(np.mean(-np.log2((1 + counts[lists]) / (1 + n_users)))),
        "arp@10": float(counts[lists].mean()),
        "coverage@10": len(np.unique(lists)) / n_items,
        **cold,
    }


def random_tags(rng: np.random.Generator, n: int) -> list[str]:
    tags: list[str] = []
    for _ in range(n):
        kind = rng.choice(["PER", "LOC"])
        continues = tags and tags[-1] != "O" and rng.random() < 0.5
        tags.append(f"I-{tags[-1][2:]}" if continues else "O" if rng.random() < 0.4 else f"B-{kind}")
    return tags


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Entities of one sentence, by its first and last token and type."""
    starts = [place for place, tag in enumerate(tags) if tag[0] == "B"]
    return [
        (start, next((end for end in range(start + 1, len(tags)) if tags[end][0] != "I"), len(tags)), tags[start][2:])
        for start in starts
    ]


def sequence_labeling() -> Case:
    rng = np.random.default_rng(4)
    words = [list(rng.choice(["ann", "bob", "rome", "oslo"], size=8)) for _ in range(60)]
    tags = [random_tags(rng, 8) for _ in range(60)]
    split = np.where(np.arange(60) < 5, "train", "test")
    task = SequenceLabelingTask("t", names("s", 60), words, tags, split)
    found_tags = [random_tags(rng, 8) for _ in range(55)]
    found_tags = [mine if rng.random() < 0.6 else theirs for mine, theirs in zip(tags[5:], found_tags, strict=True)]
    values = [[task.labels.index(tag) for tag in row] for row in found_tags]
    found = KINDS["sequence_labeling"].score_predictions(
        task, predictions(task.example_ids[5:], values), EvaluationOptions()
    )
    gold = tags[5:]
    of_type = classification_report(gold, found_tags, output_dict=True, zero_division=0)
    surface = [{(" ".join(row[a:b]), kind) for a, b, kind in spans(own)} for row, own in zip(words, tags, strict=True)]
    known = set().union(*surface[:5])
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for row, own, theirs in zip(words[5:], gold, found_tags, strict=True):
        for a, b, kind in spans(own):
            hits[(" ".join(row[a:b]), kind) in known].append((a, b, kind) in spans(theirs))
    return found, {
        "f1": f1_score(gold, found_tags),
        "precision": precision_score(gold, found_tags),
        "recall": recall_score(gold, found_tags),
        "recall_seen": float(np.mean(hits[True])),
        "recall_unseen": float(np.mean(hits[False])),
        "f1_PER": of_type["PER"]["f1-score"],
        "f1_LOC": of_type["LOC"]["f1-score"],
    }


def token_classification() -> Case:
    rng = np.random.default_rng(6)
    words = [list(rng.choice(["we", "ran", "far", "off"], size=8)) for _ in range(60)]
    words[30][2] = "unseen"
    tags = [list(rng.choice(["ADV", "PRON", "VERB"], size=8)) for _ in range(60)]
    split = np.where(np.arange(60) < 5, "train", "test")
    task = TokenClassificationTask("t", names("s", 60), words, tags, split)
    found_tags = [[tag if rng.random() < 0.5 else str(rng.choice(task.labels)) for tag in row] for row in tags[5:]]
    values = [[task.labels.index(tag) for tag in row] for row in found_tags]
    found = KINDS["token_classification"].score_predictions(
        task, predictions(task.example_ids[5:], values), EvaluationOptions()
    )
    gold, theirs = np.concatenate(tags[5:]), np.concatenate(found_tags)
    known = np.isin(np.concatenate(words[5:]), np.concatenate(words[:5]))
    return found, {
        "accuracy": sklearn_metrics.accuracy_score(gold, theirs),
        "macro_f1": sklearn_metrics.f1_score(gold, theirs, average="macro"),
        "accuracy_seen": sklearn_metrics.accuracy_score(gold[known], theirs[known]),
        "accuracy_unseen": sklearn_metrics.accuracy_score(gold[~known], theirs[~known]),
    }


def similarity() -> Case:
    rng = np.random.default_rng(5)
    texts, first, second = names("text ", 80).tolist(), np.arange(40), np.arange(40, 80)
    scores = rng.integers(0, 6, size=40).astype(np.float64)
    task = SimilarityTask("t", names("p", 40), Texts(texts), first, second, scores)
    kind = KINDS["similarity"]
    found = kind.evaluate_embedding(task, RandomVectors(), kind.options(), seed=0)
    own = cosines(texts, texts)[first, second]
    return found, {"spearman": spearmanr(own, scores).statistic, "pearson": pearsonr(own, scores).statistic}


def clustering() -> Case:
    """The library's own k-means from the same centers, and its scores."""
    rng = np.random.default_rng(8)
    texts = names("text ", 90).tolist()
    labels = np.array(["a", "b", "c"])[rng.integers(3, size=90)]
    task = ClassificationTask("t", names("e", 90), Texts(texts), labels)
    kind = KINDS["clustering"]
    found = kind.evaluate_embedding(task, RandomVectors(), kind.options(restarts=3), seed=4)
    vectors = RandomVectors().encode(texts)
    points = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    starts = [KMeans(3, n_init=1, max_iter=100, random_state=seed).fit_predict(points) for seed in (4, 5, 6)]
    scores = {
        "v_measure": sklearn_metrics.v_measure_score,
        "ari": sklearn_metrics.adjusted_rand_score,
        "ami": sklearn_metrics.adjusted_mutual_info_score,
    }
    return found, {name: float(np.mean([score(labels, each) for each in starts])) for name, score in scores.items()}


def pair_classification() -> Case:
    """Thresholds are those that are best on the training pairs, by trying each score of them."""
    rng = np.random.default_rng(7)
    texts, first, second = names("text ", 400).tolist(), np.arange(200), np.arange(200, 400)
    own = cosines(texts, texts)[first, second]
    codes = (own + rng.normal(scale=0.3, size=200) > 0.1).astype(np.int64)
    split = np.where(np.arange(200) < 80, "train", "test")
    task = PairClassificationTask("t", names("p", 200), Texts(texts), first, second, codes, split)
    kind = KINDS["pair_classification"]
    found = kind.evaluate_embedding(task, RandomVectors(), kind.options(), seed=0)
    cuts, learned, true = [-2.0, *own[:80], 2.0], codes[:80], codes[80:]
    of_accuracy = max(cuts, key=lambda cut: sklearn_metrics.accuracy_score(learned, own[:80] >= cut))
    of_f1 = max(cuts, key=lambda cut: sklearn_metrics.f1_score(learned, own[:80] >= cut))
    below = [max(own[:80][own[:80] < cut], default=-2.0) for cut in (of_accuracy, of_f1)]
    middles = [(cut + under) / 2 for cut, under in zip((of_accuracy, of_f1), below, strict=True)]
    return found, {
        "ap": sklearn_metrics.average_precision_score(true, own[80:]),
        "auroc": sklearn_metrics.roc_auc_score(true, own[80:]),
        "accuracy": sklearn_metrics.accuracy_score(true, own[80:] >= middles[0]),
        "pair_f1": sklearn_metrics.f1_score(true, own[80:] >= middles[1]),
    }


def regression() -> Case:
    """The numbers of random vectors, by the library's ridge with the penalty that was chosen."""
    rng = np.random.default_rng(6)
    texts = names("text ", 200).tolist()
    vectors = RandomVectors().encode(texts)
    targets = np.round(vectors[:, :3].sum(axis=1) + rng.normal(size=200), 1).astype(np.float64)
    split = np.where(np.arange(200) < 120, "train", "test")
    task = RegressionTask("t", names("e", 200), Texts(texts), targets, split)
    kind = KINDS["regression"]
    found = kind.evaluate_embedding(task, RandomVectors(), kind.options(label_draws=0, training_draws=0), seed=0)
    scaler, unit = StandardScaler().fit(vectors[:120]), targets[:120].std()
    ridge = Ridge(alpha=1 / found.details["folds"][0]["c"]).fit(scaler.transform(vectors[:120]), targets[:120] / unit)
    predicted, true = ridge.predict(scaler.transform(vectors[120:])) * unit, targets[120:]
    return found, {
        "spearman": spearmanr(predicted, true).statistic,
        "rmse": sklearn_metrics.root_mean_squared_error(true, predicted),
        "mae": sklearn_metrics.mean_absolute_error(true, predicted),
        "r2": sklearn_metrics.r2_score(true, predicted),
    }


def extractive_qa() -> Case:
    """Three answers: right, two of three words (F1 4/5), and without a common word."""
    context = "The Denver Broncos won in 2016"
    answers = [["Denver Broncos"], ["won in 2016"], ["2016"], ["Denver"]]
    starts = [[context.index(own[0])] for own in answers]
    split = np.array(["test", "test", "test", "train"])
    questions = ["who won", "did they", "when", "where"]
    task = ExtractiveTask("t", names("q", 4), questions, [context], np.zeros(4, dtype=np.int64), answers, starts, split)
    found = KINDS["extractive_qa"].score_predictions(
        task, predictions(task.example_ids[:3], [[0, 2], [4, 5], [3, 3]]), EvaluationOptions()
    )
    return found, {"exact_match": 1 / 3, "answer_f1": (1 + 4 / 5 + 0) / 3}


CASES: dict[str, list[Callable[[], Case]]] = {
    "classification": [classification],
    "multi_label": [multi_label],
    "retrieval": [lambda: retrieval("all"), lambda: retrieval("judged")],
    "recommendation": [recommendation],
    "sequence_labeling": [sequence_labeling],
    "token_classification": [token_classification],
    "similarity": [similarity],
    "clustering": [clustering],
    "pair_classification": [pair_classification],
    "regression": [regression],
    "extractive_qa": [extractive_qa],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_every_metric_agrees_with_a_library_or_with_values_worked_out_by_hand(name: str) -> None:
    held_against: set[str] = set()
    for case in CASES[name]:
        found, expected = case()
        for metric, value in expected.items():
            assert found.metrics[metric] == pytest.approx(value, abs=1e-6), metric
        assert set(found.metrics) <= set(expected)
        held_against |= set(expected)
    uncovered = [metric.name for metric in KINDS[name].metrics if not any(map(metric.covers, held_against))]
    assert not uncovered


@pytest.mark.parametrize("name", KINDS)
def test_every_metric_of_an_evaluation_stands_in_the_line_with_label_scale_and_direction(name: str) -> None:
    lines = KINDS[name].metrics
    for case in CASES[name]:
        found, _ = case()
        for metric in found.metrics:
            of_line = next(line for line in lines if line.covers(metric))
            assert isinstance(find_metric(metric), Metric) and name_metric(metric) == find_metric(metric).label_of(metric)
            assert of_line.label_of(metric).strip() and "{" not in of_line.label_of(metric)
            assert (of_line.name in list_lower_metrics()) is not of_line.higher_is_better
            if of_line.percent:
                low, high = find_range(metric)
                assert -1 <= low <= found.metrics[metric] <= high <= 1
        means = found.item_scores.to_pandas().groupby("metric")["value"].mean().to_dict()
        of_units = {metric: mean for metric, mean in means.items() if metric in found.metrics}
        assert of_units and of_units == pytest.approx({metric: found.metrics[metric] for metric in of_units})


@pytest.mark.parametrize("name", KINDS)
def test_all_that_a_line_names_is_there(name: str) -> None:
    kind = KINDS[name]
    reader = kind.create_reader()
    assert isinstance(reader, ExamplesReader) and TypeAdapter(reader.source_type)
    assert issubclass(kind.options, BaseModel) and kind.options()
    assert kind.unit and kind.labels and kind.requires
    exported = kind.load_export()
    assert exported.answers and all(callable(getattr(exported, each)) for each in ("fit", "answer", "write", "from_folder"))
    assert all(name == reader.name for name, reader in kind.load_readers().items())
    assert bool(kind.tune) == bool(kind.tunes)
    assert not kind.score or kind.tune


@pytest.mark.parametrize("name", KINDS)
def test_every_check_of_an_audit_has_a_severity_and_stands_once(name: str) -> None:
    checks = KINDS[name].load_checks()
    assert checks and {check.severity for check in checks} <= SEVERITIES
    assert len({check.name for check in checks}) == len(checks)


def test_an_audit_gives_lines_of_the_checks_that_the_kind_names_alone() -> None:
    texts = ["sand and tide", "gull and wave", "moss and bark", "owl and fern"]
    columns = {"example_id": list("abcd"), "text": texts, "label": ["sea", "sea", "wood", "wood"]}
    examples = pa.table({**columns, "split": pa.array([None] * 4, pa.string())})
    tables = {"examples": examples, SEEN: find_seen_classification({"examples": examples})}
    kind = KINDS["classification"]
    assert "classes" in set(kind.audit(tables)["check"].to_pylist())
    with pytest.raises(ValueError, match="is none of the checks that its kind names"):
        replace(kind, checks="similarity.audit:CHECKS").audit(tables)


def test_what_a_bundle_answers_tells_the_classes_of_all_kinds_apart() -> None:
    classes = {kind.load_export() for kind in KINDS.values()}
    assert len({each.answers for each in classes}) == len(classes)
