"""A masked language model that is about to weigh the words of texts: what its training starts from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.models.library_loading import cut_into_ids
from emb_pipeline.embeddings.contextual.models.loading import load_tokenizer
from emb_pipeline.embeddings.learned.learned_sparse import LearnedSparseEncoder
from emb_pipeline.embeddings.learned.options import LearnedSparseOptions

_RAISED = 5.0
"""Added to all scores of the head, so that hardly any word of a text starts with a score below 0, from where none learns."""


class WordWeigher(LearnedSparseEncoder):
    """A masked language model whose head scores a text's own sub-words, and the rarity of each, as one sparse encoder.

    A weight is log(1 + score), the largest of a sub-word's places, times the rarity, which is trained, too. Words that a
    text does not hold weigh nothing: term weighting without expansion [1]_.

    Parameters
    ----------
    folder : EncoderFolder
        The masked language model.
    options : LearnedSparseOptions
        Prompts, length, measure, device.
    rarity : ndarray of shape (n_sub_words,), float32
        What each sub-word weighs at first (`compute_rarity`).

    References
    ----------
    .. [1] Nguyen, MacAvaney & Yates (2023), A Unified Framework for Learned Sparse Retrieval, ECIR, §3.
    """

    def __init__(self, folder: EncoderFolder, options: LearnedSparseOptions, rarity: np.ndarray) -> None:
        super().__init__(folder, options)
        self._rarity = rarity

    def _read_model(self, dtype: str, device: str) -> Any:
        import torch
        from sentence_transformers import SparseEncoder
        from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

        model = super()._read_model(dtype, device)
        bias = getattr(model[0].model.get_output_embeddings(), "bias", None)
        if bias is not None:
            with torch.no_grad():
                bias.add_(_RAISED)
        weight = torch.from_numpy(self._rarity)
        return SparseEncoder(modules=[*model, SparseStaticEmbedding(model.tokenizer, weight=weight)], device=device)


def compute_rarity(folder: EncoderFolder, texts: Sequence[str]) -> np.ndarray:
    """Compute the inverse document frequency of each sub-word, over the largest: shape (n_sub_words,), float32.

    The formula is BM25's, log(1 + (n - df + 0.5) / (df + 0.5)); marks such as ``[CLS]`` get 0.
    """
    tokenizer = load_tokenizer(folder.model_path)
    counts: Counter[int] = Counter()
    for ids in cut_into_ids(tokenizer, [folder.prepare_text(text) for text in texts], ends=False):
        counts.update(set(ids))
    frequency = np.array([counts[number] for number in range(folder.dim)], dtype=np.float64)
    rarity = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5))
    rarity[tokenizer.all_special_ids] = 0.0
    return np.asarray(rarity / rarity.max(), dtype=np.float32)
