"""The measurements of a comparison: each embedding trained, or loaded, and evaluated on the task."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.comparison.candidates import ComparedEmbedding
from emb_pipeline.comparison.task import ComparedTask
from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.evaluation import evaluate_cell
from emb_pipeline.experiment.facts import identify_cell
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.training import build_training_record, compile_method, request_training
from emb_pipeline.storage.failures import FAILURES, Failed, build_failures_table
from emb_pipeline.tasks.cell_tables import LABEL_DRAWS, build_cells_table
from emb_pipeline.tasks.metrics.class_results import CLASS_RESULTS, CONFUSIONS, compute_class_results, count_confusions
from emb_pipeline.tasks.metrics.label_doubts import LABEL_DOUBTS, list_label_doubts
from emb_pipeline.tasks.scores import ITEM_SCORES, TRAINING_DRAWS
from emb_pipeline.text.tokens import TokenCorpus, write_tokens

_log = logging.getLogger(__name__)


@dataclass
class Measured:
    """Measurements of all embeddings.

    Attributes
    ----------
    item_scores, training_draws : list of Table
        Scores of each unit, and those by probes that learned from resamples of the training labels.
    cells, label_draws, class_results, label_doubts, confusions : list of Table
        What each embedding scored and cost; scores by number of labels; results of classes.
    failed : list of Failed
        Embeddings that could not be evaluated.
    """

    item_scores: list[pa.Table] = field(default_factory=lambda: [ITEM_SCORES.empty_table()])
    training_draws: list[pa.Table] = field(default_factory=lambda: [TRAINING_DRAWS.empty_table()])
    cells: list[pa.Table] = field(default_factory=list)
    label_draws: list[pa.Table] = field(default_factory=lambda: [LABEL_DRAWS.empty_table()])
    class_results: list[pa.Table] = field(default_factory=lambda: [CLASS_RESULTS.empty_table()])
    label_doubts: list[pa.Table] = field(default_factory=lambda: [LABEL_DOUBTS.empty_table()])
    confusions: list[pa.Table] = field(default_factory=lambda: [CONFUSIONS.empty_table()])
    failed: list[Failed] = field(default_factory=list)

    def join(self, name: str) -> pa.Table:
        """Put the tables of one name one below the other."""
        return pa.concat_tables(getattr(self, name))

    @property
    def failures(self) -> pd.DataFrame:
        """The table of what failed."""
        table = build_failures_table(self.failed)
        frame: pd.DataFrame = pa.concat_tables([FAILURES.empty_table(), table]).to_pandas()
        return frame


def measure(task: ComparedTask, embeddings: Sequence[ComparedEmbedding], folder: Path) -> Measured:
    """Evaluate embeddings on a task, one after the other, in this process.

    The failure of one is its own; where all fail, the first error is raised.

    Parameters
    ----------
    task : ComparedTask
        What they are evaluated on.
    embeddings : sequence of ComparedEmbedding
        What is compared.
    folder : Path
        For what is trained and encoded on the way.
    """
    found = Measured()
    corpus: TokenCorpus | None = None
    if any(METHODS[each.spec.method].source == "corpus" for each in embeddings):
        corpus = write_tokens(((str(number), text) for number, text in enumerate(task.texts)), folder / "tokens")
    errors: list[Exception] = []
    for each in embeddings:
        try:
            _measure_one(found, task, each, corpus, folder)
        except Exception as error:
            errors.append(error)
            _log.warning("%s could not be evaluated: %s", each.spec.name, error)
            found.failed.append(_note_failure(error, each.spec, task))
    if errors and not found.cells:
        raise errors[0]
    return found


def _measure_one(
    found: Measured, task: ComparedTask, each: ComparedEmbedding, corpus: TokenCorpus | None, folder: Path
) -> None:
    spec, definition = each.spec, task.definition
    artifact, training = _make_artifact(spec, corpus, folder)
    encoder: Any = each.encoder
    if encoder is None:
        encoder = factory.build_encoder(
            spec.method, spec.options, dim=spec.dim, seed=spec.seed, artifact=artifact, encodings=folder / "encodings"
        )
    item_scores, record, predicted, draws = evaluate_cell(task.tables, encoder, spec, definition)
    found.item_scores.append(item_scores)
    found.training_draws.append(draws)
    found.cells.append(build_cells_table([record], training))
    rows = [
        {"embedding": spec.name, "family": spec.family, "task": definition.name, **draw} for draw in record["label_draws"]
    ]
    found.label_draws.append(pa.Table.from_pylist(rows, schema=LABEL_DRAWS))
    found.class_results.append(compute_class_results(predicted, definition.name, spec.name))
    found.label_doubts.append(list_label_doubts(predicted, definition.name, spec.name))
    found.confusions.append(count_confusions(predicted, definition.name, spec.name))


def _make_artifact(spec: EmbeddingSpec, corpus: TokenCorpus | None, folder: Path) -> tuple[Any, dict[str, Any] | None]:
    """Train, or load, what an embedding needs; with the record of what that cost."""
    method = METHODS[spec.method]
    if method.artifact is None:
        return None, None
    place = folder / spec.name
    with Footprint() as footprint:
        if method.source == "corpus":
            assert corpus is not None
            if method.artifact == "vectors":
                compile_method(spec, 1, folder)
                made: Any = factory.train(spec.method, request_training(spec, corpus, workers=1, checkpoints=place))
            else:
                made = factory.train_encoder(
                    spec.method, request_training(spec, corpus, folder=place, checkpoints=folder / f"{spec.name}.saved")
                )
        elif method.artifact == "vectors":
            made = factory.load(spec.method, spec.options)
        else:
            made = factory.load_encoder(spec.method, spec.options, place)
    n_tokens = corpus.n_tokens if corpus is not None and method.source == "corpus" else None
    return made, build_training_record(spec, made, footprint, n_tokens)


def _note_failure(error: Exception, spec: EmbeddingSpec, task: ComparedTask) -> Failed:
    cell = {**identify_cell(spec), "task": task.definition.name, "kind": task.definition.kind}
    return Failed.of_error(error, spec.name, cell)
