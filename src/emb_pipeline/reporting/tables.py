"""The tables that a report is made of, each with its columns.

Their names are those of the catalog; `checks`, `neighbors`, `overlaps`, `confusions`, `embeddings` and `corpora` are put
together from the scores of all origins, and from the corpora.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import pandas as pd
import pyarrow as pa

from emb_pipeline.diagnostics import tables as diagnostics
from emb_pipeline.efficiency.matrix_operations import MATRIX_OPERATIONS
from emb_pipeline.statistics import leaderboard as statistics
from emb_pipeline.statistics.agreement.table import AGREEMENT, AGREEMENT_PAIRS
from emb_pipeline.statistics.closeness.table import CLOSENESS, CLOSENESS_SAVINGS
from emb_pipeline.statistics.comparisons.any_difference import ANY_DIFFERENCE
from emb_pipeline.statistics.comparisons.outcomes import OUTCOMES
from emb_pipeline.statistics.costs import OF_TRAINING, WEIGHED
from emb_pipeline.statistics.decision.budget_states import BUDGET_CHOICES
from emb_pipeline.statistics.decision.decide import CANDIDATES
from emb_pipeline.statistics.decision.joint_choice import JOINT_CHOICE
from emb_pipeline.statistics.decision.relaxations import RELAXATIONS
from emb_pipeline.statistics.decision.sizes import SIZES
from emb_pipeline.statistics.effects.across_tasks import ACROSS_TASKS
from emb_pipeline.statistics.effects.factorial import FACTOR_EFFECTS, SHARES
from emb_pipeline.statistics.label_errors import LABEL_ERRORS
from emb_pipeline.statistics.label_errors import WITHOUT as WITHOUT_LABEL_ERRORS
from emb_pipeline.statistics.learning_curves.crossovers import CROSSOVERS
from emb_pipeline.statistics.learning_curves.label_curves import CURVES
from emb_pipeline.statistics.learning_curves.zero_shot import ZERO_SHOT
from emb_pipeline.statistics.parts_of_test import COLUMNS as RARE_VALUES
from emb_pipeline.statistics.periods.scores import PERIODS
from emb_pipeline.statistics.periods.table import PERIOD_CHOICES
from emb_pipeline.statistics.rounds import ROUNDS
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.statistics.transfer.table import TRANSFER_PAIRS, TRANSFERS
from emb_pipeline.statistics.unseen import COLUMNS as WITHOUT_SEEN
from emb_pipeline.tasks.audit.lines import SCHEMA as AUDIT
from emb_pipeline.tasks.cutoffs.columns import CUTOFFS
from emb_pipeline.tasks.item_examples import ITEM_EXAMPLES
from emb_pipeline.tasks.metrics.class_results import CLASS_RESULTS, CONFUSIONS
from emb_pipeline.tasks.recommendation.tables import SHOWN_TABLES
from emb_pipeline.tasks.retrieval.vector_search import SEARCHES

Schema = Mapping[str, str]
_TEXT, _NUMBER, _WHOLE, _FLAG = "string", "float64", "Int64", "bool"


def columns_of(schema: pa.Schema) -> Schema:
    """Give the columns of a table of Arrow with the types that pandas has for them."""
    kinds = {pa.string(): _TEXT, pa.float64(): _NUMBER, pa.int64(): _WHOLE, pa.bool_(): _FLAG}
    return {each.name: kinds.get(each.type, "object") for each in schema}


FACTS: Schema = {
    "key": _TEXT,
    "family": _TEXT,
    "base": _TEXT,
    "bases": _TEXT,
    "derivation": _TEXT,
    "corruption": _TEXT,
    "corruption_level": _NUMBER,
    "curve": _TEXT,
    "shuffled_labels": _FLAG,
}
"""Of an embedding's specification (`emb_pipeline.statistics.embedding_facts`)."""
ORIGIN: Schema = {"origin": _TEXT}
CHANGED_TEXT: Schema = {"corruption": _TEXT, "corruption_level": _NUMBER}
FAILURES: Schema = {
    **dict.fromkeys(("embedding", "origin", "method"), _TEXT),
    "dim": _WHOLE,
    "tuned": "boolean",
    "seed": _WHOLE,
    **dict.fromkeys(("task", "kind", "reason"), _TEXT),
}
SEED, SAMPLE, SAMPLES, OTHER_CORPUS = "seed", "sample", "samples", "corpus"
OVERLAPS: Schema = {
    **dict.fromkeys(("first", "second"), _TEXT),
    "shared": _NUMBER,
    "words": "int64",
    **dict.fromkeys(("differs_in", "of", "origin", "key"), _TEXT),
}
"""``differs_in``: the one thing that differs between the two: the seed, the sample of the corpus (the second one's, or both
``samples``), or the corpus. ``of``: the embedding that the first one is, or repeats; ``origin`` and ``key`` are its."""
EMBEDDINGS: Schema = {
    **dict.fromkeys(("embedding", "origin", "method"), _TEXT),
    "dim": _WHOLE,
    "corpus_tokens": _NUMBER,
    "vocabulary": _NUMBER,
    "options": _TEXT,
    **dict.fromkeys((*OF_TRAINING, "final_loss"), _NUMBER),
    **FACTS,
}
CORPORA: Schema = {
    "corpus": _TEXT,
    **dict.fromkeys(("documents", "sentences", "tokens", "vocabulary", "held_out_sentences_removed"), _WHOLE),
    "fingerprint": _TEXT,
}


COLUMNS: Mapping[str, Schema] = {
    "leaderboard": {**statistics.LEADERBOARD, **FACTS},
    "comparisons": statistics.COMPARISONS,
    "pair_outcomes": OUTCOMES,
    "item_examples": columns_of(ITEM_EXAMPLES),
    "effects": {**statistics.EFFECTS, **CHANGED_TEXT},
    "variance_shares": SHARES,
    "factor_effects": FACTOR_EFFECTS,
    "effects_across_tasks": ACROSS_TASKS,
    "any_difference": ANY_DIFFERENCE,
    "closeness": CLOSENESS,
    "closeness_savings": CLOSENESS_SAVINGS,
    "cutoffs": {**CUTOFFS, **ORIGIN},
    "periods": PERIODS,
    "period_choices": PERIOD_CHOICES,
    "learning_curves": {**CURVES, **ORIGIN},
    "crossovers": CROSSOVERS,
    "zero_shot": {**ZERO_SHOT, **ORIGIN},
    "checks": columns_of(diagnostics.CHECKS),
    "neighbors": columns_of(diagnostics.NEIGHBORS),
    "overlaps": OVERLAPS,
    "word_map": columns_of(diagnostics.PLACES),
    "decision": {**CANDIDATES, **dict.fromkeys(WEIGHED, _NUMBER), "languages": _TEXT, **ORIGIN},
    "relaxations": RELAXATIONS,
    "budget_choices": BUDGET_CHOICES,
    "joint_choice": JOINT_CHOICE,
    "sizes": {**SIZES, **ORIGIN},
    "vector_search": {**SEARCHES, **ORIGIN, "use_case": _TEXT},
    "matrix_operations": MATRIX_OPERATIONS,
    "failures": FAILURES,
    "rounds": ROUNDS,
    "class_results": columns_of(CLASS_RESULTS),
    "confusions": columns_of(CONFUSIONS),
    "agreement": AGREEMENT,
    "agreement_pairs": AGREEMENT_PAIRS,
    "transfers": TRANSFERS,
    "transfer_pairs": TRANSFER_PAIRS,
    "label_errors": LABEL_ERRORS,
    "without_label_errors": WITHOUT_LABEL_ERRORS,
    "attribute_probes": columns_of(SHOWN_TABLES["attribute_probes"]),
    "nearest_items": columns_of(SHOWN_TABLES["nearest_items"]),
    "item_map": columns_of(SHOWN_TABLES["item_map"]),
    "audit": {"scope": _TEXT, **columns_of(AUDIT)},
    "without_seen": dict.fromkeys(WITHOUT_SEEN, "object"),
    "rare_values": dict.fromkeys(RARE_VALUES, "object"),
    "embeddings": EMBEDDINGS,
    "corpora": CORPORA,
}
"""For each table of a report its columns, with their types."""


def empty_table(name: str) -> pd.DataFrame:
    """Make a table of the report without rows."""
    return make_table([], COLUMNS[name])


@dataclass(frozen=True, eq=False)
class ReportTables:
    """All tables of a report. Any of them may be empty: a section that has nothing to show says nothing.

    Attributes
    ----------
    leaderboard : DataFrame
        One row per cell and metric; at least one primary value.
    comparisons, effects : DataFrame
        Tests between embeddings; and between those that differ in one thing alone: ``factor`` says in which (the corpus,
        further training, distillation, fine-tuning, …).
    pair_outcomes, item_examples : DataFrame
        Test items on which one embedding scores more than another, counted; and some of them, with their text.
    variance_shares, factor_effects, effects_across_tasks : DataFrame
        What explains the differences between trained embeddings; what one level of a factor changes against another; and the
        latter on average over tasks.
    any_difference : DataFrame
        Whether embeddings differ at all.
    closeness, closeness_savings : DataFrame
        How measures that need no task go with scores on tasks, and what evaluating the first few by each would have lost.
    cutoffs : DataFrame
        From which best score on to answer, what that promises, and at what recall.
    periods, period_choices : DataFrame
        Scores by period, and whether what was chosen on all periods but the last holds on the last one.
    learning_curves, crossovers, zero_shot : DataFrame
        Scores by number of labels, embeddings against the one that is best with all labels, and scores without labels.
    checks, neighbors, overlaps, word_map : DataFrame
        What word vectors know by themselves, the nearest words of some words, how many of them two embeddings share, and
        words in two dimensions.
    decision, relaxations, budget_choices, joint_choice, sizes : DataFrame
        Which embedding to deploy, what larger budgets would buy, what is chosen under each combination of budgets, what one
        choice for all tasks costs on each, and which of several sizes is the smallest that is good enough.
    vector_search : DataFrame
        What exact and approximate vector search cost and lose.
    matrix_operations : DataFrame
        Times of dense and sparse matrix operations on the machine.
    failures : DataFrame
        Cells that could not be evaluated, and why.
    rounds : DataFrame
        Of a budgeted run: the parts of the test units that embeddings were scored on, and what was dropped.
    class_results, confusions : DataFrame
        Precision, recall and F1 of each class, and how often one is predicted for another.
    agreement, agreement_pairs : DataFrame
        How far the order of embeddings on made queries agrees with that on real ones; and each difference on both.
    transfers, transfer_pairs : DataFrame
        Scores on texts of the domain that was learned from, and on those of another one; and differences of both.
    label_errors, without_label_errors : DataFrame
        Test items whose label is likely wrong, and scores with and without these.
    attribute_probes, nearest_items, item_map : DataFrame
        Whether vectors of users and items carry attributes, the nearest items of popular ones, and items in two dimensions.
    audit, without_seen, rare_values : DataFrame
        Data audit, and scores with and without the test units whose text was seen in training.
    embeddings, corpora : DataFrame
        What each trained embedding cost, with its facts; and the texts that they were trained on.
    """

    leaderboard: pd.DataFrame = field(default_factory=partial(empty_table, "leaderboard"))
    comparisons: pd.DataFrame = field(default_factory=partial(empty_table, "comparisons"))
    pair_outcomes: pd.DataFrame = field(default_factory=partial(empty_table, "pair_outcomes"))
    item_examples: pd.DataFrame = field(default_factory=partial(empty_table, "item_examples"))
    effects: pd.DataFrame = field(default_factory=partial(empty_table, "effects"))
    variance_shares: pd.DataFrame = field(default_factory=partial(empty_table, "variance_shares"))
    factor_effects: pd.DataFrame = field(default_factory=partial(empty_table, "factor_effects"))
    effects_across_tasks: pd.DataFrame = field(default_factory=partial(empty_table, "effects_across_tasks"))
    any_difference: pd.DataFrame = field(default_factory=partial(empty_table, "any_difference"))
    closeness: pd.DataFrame = field(default_factory=partial(empty_table, "closeness"))
    closeness_savings: pd.DataFrame = field(default_factory=partial(empty_table, "closeness_savings"))
    cutoffs: pd.DataFrame = field(default_factory=partial(empty_table, "cutoffs"))
    periods: pd.DataFrame = field(default_factory=partial(empty_table, "periods"))
    period_choices: pd.DataFrame = field(default_factory=partial(empty_table, "period_choices"))
    learning_curves: pd.DataFrame = field(default_factory=partial(empty_table, "learning_curves"))
    crossovers: pd.DataFrame = field(default_factory=partial(empty_table, "crossovers"))
    zero_shot: pd.DataFrame = field(default_factory=partial(empty_table, "zero_shot"))
    checks: pd.DataFrame = field(default_factory=partial(empty_table, "checks"))
    neighbors: pd.DataFrame = field(default_factory=partial(empty_table, "neighbors"))
    overlaps: pd.DataFrame = field(default_factory=partial(empty_table, "overlaps"))
    word_map: pd.DataFrame = field(default_factory=partial(empty_table, "word_map"))
    decision: pd.DataFrame = field(default_factory=partial(empty_table, "decision"))
    relaxations: pd.DataFrame = field(default_factory=partial(empty_table, "relaxations"))
    budget_choices: pd.DataFrame = field(default_factory=partial(empty_table, "budget_choices"))
    joint_choice: pd.DataFrame = field(default_factory=partial(empty_table, "joint_choice"))
    sizes: pd.DataFrame = field(default_factory=partial(empty_table, "sizes"))
    vector_search: pd.DataFrame = field(default_factory=partial(empty_table, "vector_search"))
    matrix_operations: pd.DataFrame = field(default_factory=partial(empty_table, "matrix_operations"))
    failures: pd.DataFrame = field(default_factory=partial(empty_table, "failures"))
    rounds: pd.DataFrame = field(default_factory=partial(empty_table, "rounds"))
    class_results: pd.DataFrame = field(default_factory=partial(empty_table, "class_results"))
    confusions: pd.DataFrame = field(default_factory=partial(empty_table, "confusions"))
    agreement: pd.DataFrame = field(default_factory=partial(empty_table, "agreement"))
    agreement_pairs: pd.DataFrame = field(default_factory=partial(empty_table, "agreement_pairs"))
    transfers: pd.DataFrame = field(default_factory=partial(empty_table, "transfers"))
    transfer_pairs: pd.DataFrame = field(default_factory=partial(empty_table, "transfer_pairs"))
    label_errors: pd.DataFrame = field(default_factory=partial(empty_table, "label_errors"))
    without_label_errors: pd.DataFrame = field(default_factory=partial(empty_table, "without_label_errors"))
    attribute_probes: pd.DataFrame = field(default_factory=partial(empty_table, "attribute_probes"))
    nearest_items: pd.DataFrame = field(default_factory=partial(empty_table, "nearest_items"))
    item_map: pd.DataFrame = field(default_factory=partial(empty_table, "item_map"))
    audit: pd.DataFrame = field(default_factory=partial(empty_table, "audit"))
    without_seen: pd.DataFrame = field(default_factory=partial(empty_table, "without_seen"))
    rare_values: pd.DataFrame = field(default_factory=partial(empty_table, "rare_values"))
    embeddings: pd.DataFrame = field(default_factory=partial(empty_table, "embeddings"))
    corpora: pd.DataFrame = field(default_factory=partial(empty_table, "corpora"))

    def effects_of(self, factor: str) -> pd.DataFrame:
        """Give the effects of one factor."""
        return self.effects[self.effects["factor"] == factor].reset_index(drop=True)
