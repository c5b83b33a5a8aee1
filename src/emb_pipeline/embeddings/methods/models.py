"""Methods that know more texts than a task's own: trained on a corpus, or elsewhere, or, as a control, not at all."""

from __future__ import annotations

from typing import Any

from emb_pipeline.embeddings.contextual.options import BertOptions, DistilledOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.learned.options import LateInteractionOptions, LearnedSparseOptions
from emb_pipeline.embeddings.method import Derivation, Method
from emb_pipeline.embeddings.methods.supports import BOTH, SEARCH, TEXTS, WORD_VECTORS
from emb_pipeline.embeddings.own.options import FunctionOptions
from emb_pipeline.embeddings.remote.options import ApiOptions
from emb_pipeline.embeddings.static.options import (
    FastTextOptions,
    GloveOptions,
    RandomOptions,
    StaticFileOptions,
    Word2VecOptions,
)

_TRANSFORMER: dict[str, Any] = {
    "supports": BOTH,
    "build": "contextual.open_encoder:build_stored_encoder",
    "artifact": "encoder",
    "export": "contextual.contextual_encoder:ContextualEncoder",
}
LINES = (
    Method("word2vec", "Word2Vec", Word2VecOptions, "corpus", train="static.word2vec:train", **WORD_VECTORS),
    Method("fasttext", "FastText", FastTextOptions, "corpus", train="static.fasttext:train", **WORD_VECTORS),
    Method("glove", "GloVe", GloveOptions, "corpus", train="static.glove:train", **WORD_VECTORS),
    Method(
        "bert",
        "BERT",
        BertOptions,
        "corpus",
        train="contextual.training.bert:train",
        requirements="contextual.training.bert:require",
        derivation=Derivation("further_training", "Trained further on another corpus"),
        **_TRANSFORMER,
        made="trained further",
    ),
    Method(
        "static_file",
        "word vectors from a file",
        StaticFileOptions,
        "pretrained",
        train="static.static_files:load",
        has_dim=False,
        **WORD_VECTORS,
    ),
    Method(
        "sentence_transformer",
        "Sentence Transformer",
        SentenceTransformerOptions,
        "pretrained",
        train="contextual.sentence_transformer:load",
        has_dim=False,
        requirements="contextual.sentence_transformer:require",
        **_TRANSFORMER,
    ),
    Method(
        "learned_sparse",
        "learned sparse",
        LearnedSparseOptions,
        "pretrained",
        TEXTS,
        "learned.learned_sparse:build_sparse_encoder",
        "learned.learned_sparse:load",
        "encoder",
        has_dim=False,
        requirements="learned.learned_sparse:require",
        sparse=True,
        export="learned.learned_sparse:LearnedSparseEncoder",
        trains_on=False,
        tuned_as="sparse_encoder",
    ),
    Method(
        "late_interaction",
        "late interaction",
        LateInteractionOptions,
        "pretrained",
        SEARCH,
        "learned.late_interaction:build_late_interaction",
        "learned.token_encoder:load",
        "encoder",
        has_dim=False,
        requirements="learned.token_encoder:require",
        export="learned.late_interaction:LateInteractionIndex",
        trains_on=False,
        tuned_as="token_encoder",
    ),
    Method(
        "api",
        "API",
        ApiOptions,
        "pretrained",
        TEXTS,
        "remote.api_encoder:build_api_encoder",
        has_dim=False,
        requirements="remote.api_encoder:require",
        export="remote.api_encoder:ApiEncoder",
        is_paid=True,
    ),
    Method(
        "function",
        "own function",
        FunctionOptions,
        "pretrained",
        TEXTS,
        "own.function:build_function_encoder",
        has_dim=False,
        requirements="own.function:require",
    ),
    Method(
        "distilled",
        "Model2Vec",
        DistilledOptions,
        "encoder",
        BOTH,
        "contextual.distilled:build_static_encoder",
        "contextual.distilled:distil",
        "encoder",
        has_dim=False,
        requirements="contextual.distilled:require",
        export="contextual.distilled:StaticEncoder",
        derivation=Derivation("distillation", "Distilled into static vectors"),
        made="distilled",
    ),
    Method("random", "random vectors", RandomOptions, "control", BOTH, "static.random_vectors:build_random_encoder"),
)
