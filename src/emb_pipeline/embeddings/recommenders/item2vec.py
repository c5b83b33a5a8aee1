"""Item2vec (Barkan & Koenigstein 2016): word2vec whose sentences are users' histories, by gensim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from gensim.models import Word2Vec

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import Item2VecOptions
from emb_pipeline.embeddings.recommenders.profiles import ProfileRecommender, Profiles
from emb_pipeline.embeddings.static.gensim_models import stable_hash
from emb_pipeline.embeddings.training.divergence import require_converging


@dataclass(frozen=True)
class Item2Vec:
    """Skip-gram vectors of items; users are recency-weighted means of them.

    All items of a history are context of one another. The exponent of the noise distribution and the number of passes
    matter more here than for words, so they are chosen, not assumed (Caselles-Dupré et al. 2018).
    """

    options: Item2VecOptions = field(default_factory=Item2VecOptions)
    dim: int = 64
    seed: int = 0

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, ProfileRecommender]]:
        """One for each exponent, number of passes and half-life."""
        for exponent, epochs in product(self.options.noise_exponents, self.options.epochs):
            trained = {"noise_exponent": exponent, "epochs": epochs}
            profiles = Profiles(self._vectors(interactions, trained), self.options.half_lives)
            for setting, recommender in profiles.candidates(interactions):
                yield {**trained, **setting}, recommender

    def fit(self, interactions: Interactions, setting: Setting) -> ProfileRecommender:
        """The vectors of one setting; the same seed gives the same ones bit for bit."""
        return Profiles(self._vectors(interactions, setting), self.options.half_lives).fit(interactions, setting)

    def _vectors(self, interactions: Interactions, setting: Setting) -> np.ndarray:
        sentences = [[str(item) for item in history] for history in interactions.histories()]
        model = Word2Vec(
            vector_size=self.dim,
            sg=1,
            window=self.options.window or max(map(len, sentences)),
            shrink_windows=False,
            negative=self.options.negative,
            ns_exponent=setting["noise_exponent"],
            sample=self.options.sample,
            alpha=self.options.learning_rate,
            min_alpha=self.options.learning_rate / 1000,
            min_count=1,
            seed=self.seed,
            workers=1,
            hashfxn=stable_hash,
        )
        model.build_vocab(sentences)
        model.train(sentences, total_examples=len(sentences), epochs=int(setting["epochs"] or 1))
        remedy = f"lower learning_rate (now {self.options.learning_rate:g})"
        when = f"the {int(setting['epochs'] or 1)} epochs"
        require_converging(f"item2vec_{self.dim}", when, 0.0, remedy, (model.wv.vectors,))
        vectors = np.zeros((interactions.n_items, self.dim), dtype=np.float32)
        vectors[[int(item) for item in model.wv.index_to_key]] = model.wv.vectors
        return vectors
