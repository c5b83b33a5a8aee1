"""Steps of the stage that looks at word vectors by themselves."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from emb_pipeline.diagnostics.options import DiagnosisOptions
from emb_pipeline.diagnostics.probe_words import find_typical_words
from emb_pipeline.experiment.facts import build_embedding_facts
from emb_pipeline.experiment.model import EmbeddingSpec, Folders
from emb_pipeline.pipelines.gathering import split_inputs
from emb_pipeline.text.held_out import list_held_out_texts
from emb_pipeline.text.texts import Texts


def diagnose_vectors(options: DiagnosisOptions, folders: Folders, seed: int, **inputs: Any) -> dict[str, pa.Table]:
    """Diagnose the word vectors of one origin: what they know by themselves, and what is wrong with them."""
    from emb_pipeline.diagnostics.diagnosis import WordSets, diagnose_embeddings  # takes numba along

    tasks, corpora = split_inputs(inputs, "task_"), split_inputs(inputs, "corpus_")
    if not options.probe_words:
        texts = (text for task in tasks.values() for text in list_held_out_texts(task))
        words = tuple(find_typical_words(list(corpora.values()), texts))
        options = options.model_copy(update={"probe_words": words})
    facts = build_embedding_facts(EmbeddingSpec.model_validate(each) for each in split_inputs(inputs, "cell_").values())
    texts_of = {name: Texts(list_held_out_texts(task)) for name, task in tasks.items()}
    sets = WordSets(options, folders.raw, folders.project)
    return diagnose_embeddings(split_inputs(inputs, "vectors_"), facts, texts_of, options, sets, seed=seed)
