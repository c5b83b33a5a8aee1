"""The kernels against the same passes written out in numpy, one pair at a time."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.embeddings.static import fasttext, negative_sampling, word2vec
from emb_pipeline.embeddings.static.kernels.negative_sampling import learn_subwords, learn_words
from emb_pipeline.embeddings.static.kernels.random import alias_table, below, following, seeded, unit
from emb_pipeline.embeddings.static.kernels.sigmoid import LOG_SIGMOID, SIGMOID, place_of
from emb_pipeline.embeddings.static.negative_sampling import Parts, share_kept
from emb_pipeline.embeddings.static.options import FastTextOptions, Word2VecOptions
from emb_pipeline.embeddings.training.checkpoints import Checkpoint
from emb_pipeline.embeddings.training.divergence import DivergedError
from emb_pipeline.embeddings.training.request import Progress, TrainingRequest
from emb_pipeline.text.tokens import TokenCorpus
from tests.embeddings.conftest import CorpusOf

SENTENCES = [[0, 1, 2, 3, 0, 4, 5, 1], [2], [], [6, 0, 0, 1], [5, 4, 3, 2, 1, 0, 7, 7, 2, 9, 1], [8, 9]]
IDS = np.array([word for sentence in SENTENCES for word in sentence], np.int32)
ENDS = np.cumsum([0, *map(len, SENTENCES)]).astype(np.int32)
N_WORDS, DIM = 8, 21
COUNTS = np.array([9.0, 8, 7, 6, 5, 4, 3, 2])


class Reference:
    """The pass as its description has it: draws in the kernel's order, one dot product at a time, in double precision."""

    def __init__(self, window: int, negative: int, of_mean: bool, keep: np.ndarray, parts: list[list[int]] | None) -> None:
        self.window, self.negative, self.of_mean, self.keep, self.parts = window, negative, of_mean, keep, parts
        self.threshold, self.other = alias_table(COUNTS**0.75)

    def run(self, inputs: np.ndarray, outputs: np.ndarray, rates: tuple[float, float], state: np.uint64) -> float:
        self.state, loss = state, 0.0
        for number, sentence in enumerate(SENTENCES):
            rate = rates[0] + (rates[1] - rates[0]) * ENDS[number] / ENDS[-1]
            words = [word for word in sentence if word < N_WORDS and self.draw_unit() < self.keep[word]]
            if len(words) < 2:
                continue
            # With parts, a word has a vector of its own for as long as it is in the window.
            near: dict[int, np.ndarray] = {}
            for middle, true in enumerate(words):
                if self.parts is not None:
                    self.leave(near, middle - self.window - 1, words, inputs)
                    for place in range(max(0, middle - self.window), min(len(words), middle + self.window + 1)):
                        if place not in near:
                            near[place] = inputs[self.parts[words[place]]].mean(axis=0)
                            near[place, "before"] = near[place].copy()
                reach = 1 + self.draw_below(self.window)
                places = [p for p in range(middle - reach, middle + reach + 1) if p != middle and 0 <= p < len(words)]
                vectors = [near[p] if self.parts is not None else inputs[words[p]] for p in places]
                loss += self.learn(vectors, outputs, [true, *self.noise(true)], rate)
            for place in range(len(words)):
                if place in near:
                    self.leave(near, place, words, inputs)
        return loss

    def leave(self, near: dict, place: int, words: list[int], inputs: np.ndarray) -> None:
        if place in near:
            change = near.pop(place) - near.pop((place, "before"))
            for part in self.parts[words[place]]:
                inputs[part] += change

    def noise(self, true: int) -> list[int]:
        drawn = []
        for _ in range(self.negative):
            place = self.draw_below(N_WORDS)
            drawn.append(place if self.draw_unit() < self.threshold[place] else int(self.other[place]))
        return [word for word in drawn if word != true]

    def learn(self, vectors: list[np.ndarray], outputs: np.ndarray, predicted: list[int], rate: float) -> float:
        """Outputs hold still for a window and move at its end; inputs move two by two."""
        loss, changes = 0.0, np.zeros((len(predicted), DIM))
        rows = outputs[predicted].copy()
        labels = np.array([1.0] + [0.0] * (len(predicted) - 1))
        single = [np.mean(vectors, axis=0)] if self.of_mean else vectors
        for pair in [single[at : at + 2] for at in range(0, len(single), 2)]:
            for vector, before in [(vector, vector.copy()) for vector in pair]:
                places = np.array([place_of(np.float32(product)) for product in rows @ before])
                gradients = rate * (labels - SIGMOID[places])
                loss -= LOG_SIGMOID[np.where(labels == 1, places, len(LOG_SIGMOID) - 1 - places)].sum()
                changes += np.outer(gradients, before)
                for moved in vectors if self.of_mean else [vector]:
                    moved += gradients @ rows
        for word, change in zip(predicted, changes, strict=True):
            outputs[word] += change
        return loss

    def draw_unit(self) -> float:
        self.state = np.uint64(following(self.state))
        return float(unit(self.state))

    def draw_below(self, n: int) -> int:
        self.state = np.uint64(following(self.state))
        return int(below(self.state, n))


@pytest.mark.slow
@pytest.mark.parametrize("of_mean", [False, True], ids=["skip_gram", "cbow"])
@pytest.mark.parametrize("subwords", [False, True], ids=["words", "subwords"])
@pytest.mark.parametrize(("window", "negative"), [(5, 5), (1, 1), (20, 12), (2, 6)])
@pytest.mark.parametrize("sample", [0.0, 0.05], ids=["all", "thinned"])
def test_a_pass_is_the_one_written_out_in_numpy(subwords, of_mean, window, negative, sample) -> None:
    rng = np.random.default_rng(3)
    parts = [[word, N_WORDS + word % 3, N_WORDS + 3, N_WORDS + word % 3] for word in range(N_WORDS)] if subwords else None
    inputs = rng.normal(size=(N_WORDS + 4 if subwords else N_WORDS, DIM))
    outputs = rng.normal(size=(N_WORDS, DIM)) / 3
    keep = share_kept(COUNTS, sample)
    ours = inputs.astype(np.float32), outputs.astype(np.float32)
    loss, _ = _run(ours, window, negative, of_mean, keep, parts)
    expected = Reference(window, negative, of_mean, keep, parts).run(inputs, outputs, (0.1, 0.05), seeded(7))
    # a product at the border of two places of the table may fall to either side: 0.001 of a step
    np.testing.assert_allclose(ours[0], inputs, atol=3e-4)
    np.testing.assert_allclose(ours[1], outputs, atol=3e-4)
    assert loss == pytest.approx(expected, rel=1e-3)


def _run(vectors, window, negative, of_mean, keep, parts):
    rates = (np.float32(0.1), np.float32(0.05))
    arguments = (IDS, ENDS, N_WORDS, keep, *alias_table(COUNTS**0.75), window, negative, of_mean, rates, *vectors, seeded(7))
    if parts is None:
        return learn_words(*arguments)
    rows = np.array([row for word in parts for row in word], np.int32)
    return learn_subwords(*arguments, rows, np.cumsum([0, *map(len, parts)]))


@pytest.mark.slow
def test_steps_are_counted_by_pair_for_skip_gram_and_by_word_for_cbow() -> None:
    everything = np.ones(N_WORDS, np.float32)
    for of_mean in (False, True):
        vectors = np.zeros((N_WORDS, DIM), np.float32), np.zeros((N_WORDS, DIM), np.float32)
        loss, n_steps = _run(vectors, 1, 5, of_mean, everything, None)
        # 8 + 4 + 10 words have a neighbour: an unknown one takes up no place
        assert n_steps == (22 if of_mean else 2 * 22 - 2 * 3)
        assert loss > 0


def test_a_table_of_aliases_draws_each_index_by_its_weight() -> None:
    weights = np.array([5.0, 1, 0, 3, 0.25, 90])
    threshold, other = alias_table(weights)
    chance = threshold.astype(float)
    np.add.at(chance, other, 1 - threshold.astype(float))
    np.testing.assert_allclose(chance / len(weights), weights / weights.sum(), atol=1e-6)


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [[1.0]]])
def test_weights_that_nothing_can_be_drawn_by_are_refused(weights: list) -> None:
    with pytest.raises(ValueError, match="not negative"):
        alias_table(np.array(weights))


def test_the_logistic_function_is_right_to_two_thousandths_and_safe_beyond_the_table() -> None:
    for x in (-100.0, -7.9, -3.3, -0.001, 0.0, 1.7, 7.9, 1e30, float("inf"), float("nan")):
        place = place_of(np.float32(x))
        assert 0 <= place < len(SIGMOID)
        if abs(x) < 8:
            assert SIGMOID[place] == pytest.approx(1 / (1 + np.exp(-x)), abs=2e-3)
            assert LOG_SIGMOID[place] == pytest.approx(-np.log1p(np.exp(-x)), abs=3e-3)


def test_numbers_below_a_bound_are_spread_evenly() -> None:
    state, seen = seeded(1), np.zeros(7)
    for _ in range(7_000):
        state = np.uint64(following(state))
        seen[below(state, 7)] += 1
    assert seen.sum() == 7_000
    assert np.abs(seen - 1_000).max() < 150  # five standard deviations


def test_common_words_are_thinned_out_as_gensim_does(animals_and_tools: TokenCorpus) -> None:
    from gensim.models import Word2Vec

    from emb_pipeline.embeddings.training.request import known_words

    words, counts = known_words(animals_and_tools, 1)
    model = Word2Vec(sample=1e-2, min_count=1)
    model.build_vocab_from_freq(dict(zip(words, counts.tolist(), strict=True)))
    expected = [model.wv.get_vecattr(word, "sample_int") / (2**32 - 1) for word in words]
    np.testing.assert_allclose(share_kept(counts, 1e-2), expected, atol=1e-6)


TRAINED = [
    pytest.param(word2vec, Word2VecOptions(epochs=6, min_count=1, sample=0.0), id="word2vec"),
    pytest.param(fasttext, FastTextOptions(epochs=6, min_count=1, sample=0.0, buckets=1000), id="fasttext"),
]


@pytest.mark.parametrize(("method", "options"), TRAINED)
def test_losses_fall_and_several_threads_learn_as_much_as_one(method, options, animals_and_tools: TokenCorpus) -> None:
    losses = [
        method.train(TrainingRequest(animals_and_tools, dim=8, options=options, seed=1, workers=workers)).provenance[
            "epoch_losses"
        ]
        for workers in (1, 3)
    ]
    assert len(losses[0]) == 6
    assert losses[0][-1] < 0.9 * losses[0][0]
    assert losses[1][-1] == pytest.approx(losses[0][-1], rel=0.1)


@pytest.mark.parametrize(("method", "options"), TRAINED)
def test_a_window_longer_than_any_sentence_and_two_words_are_enough(method, options, corpus_of: CorpusOf) -> None:
    wide = options.model_copy(update={"window": 20})
    vectors = method.train(TrainingRequest(corpus_of("a b", "b", "a"), dim=4, options=wide, seed=1))
    assert vectors.tokens == ["a", "b"]
    assert np.isfinite(vectors.vectors).all()


def test_vectors_that_ran_away_are_reported_with_the_way_out(animals_and_tools: TokenCorpus) -> None:
    stream = animals_and_tools.open_ids()
    n_words = len(animals_and_tools.counts)
    inputs = np.full((n_words, 4), np.inf, dtype=np.float32)
    options = Word2VecOptions(epochs=2, min_count=1)
    with pytest.raises(DivergedError, match="lower learning_rate"):
        negative_sampling.fit(
            stream,
            TrainingRequest(animals_and_tools, options),
            np.array(list(animals_and_tools.counts.values())),
            inputs,
            None,
            Checkpoint(None, {}),
            Progress("word2vec_4", 2, stream.n_tokens),
        )


def test_words_are_means_of_their_own_row_and_those_of_their_ngrams() -> None:
    parts = Parts(np.array([0, 2, 2, 1, 3], np.int32), np.array([0, 3, 5]), np.array([5, 9], np.int32))
    rows = np.array([[3.0], [4], [6], [8]], np.float32)
    np.testing.assert_allclose(fasttext.means_of_parts(rows, parts), [[5.0], [6.0]])
