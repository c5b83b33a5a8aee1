"""Late interaction equals the library's MaxSim and one computed by hand, whatever the blocks and the order of passages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.learned.late_interaction import LateInteraction
from emb_pipeline.embeddings.learned.maxsim import score_passages
from emb_pipeline.embeddings.learned.options import LateInteractionOptions
from emb_pipeline.embeddings.learned.token_encoder import TokenEncoder
from emb_pipeline.embeddings.protocols import ScoredIndex, details_of
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.fusion import Fusion
from emb_pipeline.embeddings.retrieval.hits import NOTHING
from emb_pipeline.embeddings.retrieval.options import FusionOptions
from emb_pipeline.errors import DataError
from emb_pipeline.storage.vector_rows import TokenVectors

from ..contextual.tiny_models import save_transformer, set_setting
from .tiny_models import TEXTS, save_late_interaction, save_splade

slow = pytest.mark.slow
QUERIES = ["a cat", "where is the dog?", "東京"]
PASSAGES = TEXTS[:5]
PROMPTS = {"query": "find: ", "document": "read: "}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_late_interaction(tmp_path_factory.mktemp("usual"), prompts=PROMPTS)


@pytest.fixture(scope="module")
def expanding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_late_interaction(tmp_path_factory.mktemp("expanding"), expands=True)


@pytest.fixture(scope="module")
def averaging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_late_interaction(tmp_path_factory.mktemp("averaging"), similarity_fn_name="meanmaxsim")


def build(model: Path, folder: Path, store: Path | None = None, **options: Any) -> LateInteraction:
    given = LateInteractionOptions(path=model, batch_tokens=64, **options)
    found = factory.load_encoder("late_interaction", given, folder / "encoder")
    made = factory.build_encoder("late_interaction", given, artifact=found, encodings=store)
    assert isinstance(made, LateInteraction)
    return made


def draw_tokens(counts: list[int], seed: int) -> TokenVectors:
    rng = np.random.default_rng(seed)
    return TokenVectors.join([rng.normal(size=(count, 4)).astype(np.float32) for count in counts])


def compute_maxsim(queries: TokenVectors, passages: TokenVectors) -> np.ndarray:
    """MaxSim of every pair, one by one, in float64."""

    def of_text(tokens: TokenVectors, row: int) -> np.ndarray:
        return tokens.vectors[tokens.offsets[row] : tokens.offsets[row + 1]].astype(np.float64)

    scores = np.full((len(queries), len(passages)), NOTHING)
    for row in range(len(queries)):
        for column in range(len(passages)):
            query, passage = of_text(queries, row), of_text(passages, column)
            if len(query) and len(passage):
                scores[row, column] = sum(max(float(one @ other) for other in passage) for one in query)
    return scores


@pytest.mark.parametrize("block_bytes", [1, 200, 1000, 1 << 20])
def test_scores_equal_those_by_hand_whatever_the_blocks(block_bytes: int) -> None:
    queries, passages = draw_tokens([3, 0, 1, 5], 1), draw_tokens([2, 7, 0, 1, 0, 4, 0], 2)
    found = np.full((4, 7), np.nan)
    for rows, scores in score_passages(queries, passages, block_bytes=block_bytes):
        found[rows] = scores
    np.testing.assert_allclose(found, compute_maxsim(queries, passages), atol=1e-4)


@slow
@pytest.mark.parametrize("kind", ["usual", "expanding", "averaging"])
def test_scores_equal_the_librarys(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder

    model = request.getfixturevalue(kind)
    library = MultiVectorEncoder(str(model), device="cpu")
    index = build(model, tmp_path).index(PASSAGES)
    assert isinstance(index, ScoredIndex)
    found = index.search_scored(QUERIES, 5)
    expected = library.similarity(library.encode_query(QUERIES), library.encode_document(PASSAGES)).numpy()
    np.testing.assert_allclose(found.scores, np.take_along_axis(expected, found.passages, axis=1), atol=1e-4)
    assert (np.diff(found.scores, axis=1) <= 0).all()
    assert (np.sort(found.passages, axis=1) == np.arange(5)).all()


@slow
def test_a_plain_transformer_gives_its_last_layer(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = save_transformer(tmp_path / "model", "bert")
    made = build(model, tmp_path)
    tokens = made.base.encode(PASSAGES, role="passage")
    tokenizer, transformer = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model)
    for row, text in enumerate(PASSAGES):
        with torch.no_grad():
            read = tokenizer(text, return_tensors="pt", truncation=True)
            states = transformer(**{name: read[name] for name in ("input_ids", "attention_mask")}).last_hidden_state[0]
        expected = torch.nn.functional.normalize(states, dim=1).numpy()
        np.testing.assert_allclose(tokens.vectors[tokens.offsets[row] : tokens.offsets[row + 1]], expected, atol=1e-4)
    assert details_of(made)["token_vectors"] == "its last layer, without a projection"


@slow
def test_ranking_does_not_follow_the_order_of_passages(usual: Path, tmp_path: Path) -> None:
    made = build(usual, tmp_path)
    long = " ".join(["the cat sat on the mat"] * 6)
    passages = [*PASSAGES, *(f"{long} {number}" for number in range(6))]  # cut to the same 20 tokens
    hits = made.index(passages).search_scored(QUERIES, 11)
    backwards = made.index(passages[::-1]).search_scored(QUERIES, 11)
    np.testing.assert_array_equal(10 - backwards.passages, hits.passages)
    np.testing.assert_array_equal(backwards.scores, hits.scores)
    tied = [[place for place in row if place >= 5] for row in hits.passages.tolist()]
    assert len({tuple(order) for order in tied}) > 1 and all(len(order) == 6 for order in tied)


@slow
def test_few_passages_can_be_ranked_among(usual: Path, tmp_path: Path) -> None:
    index = build(usual, tmp_path).index(PASSAGES)
    among = sp.csr_array(np.array([[1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 0]], dtype=bool))
    hits, whole = index.search_scored(QUERIES, 2, among), index.search_scored(QUERIES, 5)
    for row in range(3):
        allowed = [place for place in whole.passages[row] if among[row, place]][:2]
        assert hits.passages[row].tolist() == allowed + [-1] * (2 - len(allowed))


@slow
def test_half_precision_takes_half_the_bytes_and_a_store_of_its_own(usual: Path, tmp_path: Path) -> None:
    whole = build(usual, tmp_path / "a", tmp_path / "store")
    half = build(usual, tmp_path / "b", tmp_path / "store", precision="float16")
    indexes = [made.index(PASSAGES) for made in (whole, half)]
    offsets = 8 * (len(PASSAGES) + 1)
    assert (indexes[0].n_bytes - offsets) == 2 * (indexes[1].n_bytes - offsets)
    assert indexes[0].n_bytes - offsets == 4 * 8 * round(indexes[0].details["vectors_per_passage"] * len(PASSAGES))
    scores = [index.search_scored(QUERIES, 5) for index in indexes]
    found = [np.take_along_axis(hits.scores, np.argsort(hits.passages), axis=1) for hits in scores]
    np.testing.assert_allclose(found[0], found[1], atol=0.05)
    assert np.abs(found[0] - found[1]).max() > 0


@slow
def test_a_text_is_encoded_once(usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build(usual, tmp_path, tmp_path / "store")
    hits = made.index(PASSAGES).search_scored(QUERIES, 5)
    fresh = made.index(PASSAGES).unstored.search_scored(QUERIES, 5)
    np.testing.assert_array_equal(fresh.scores, hits.scores)
    monkeypatch.setattr(TokenEncoder, "encode", None)
    later = StoredEncoder(TokenEncoder(made.base.unstored.folder, made.base.unstored.options), tmp_path / "store")
    again = LateInteraction(later).index(PASSAGES[::-1]).search_scored(QUERIES, 5)
    np.testing.assert_array_equal(4 - again.passages, hits.passages)


@slow
def test_it_is_a_part_of_a_fusion(usual: Path, tmp_path: Path) -> None:
    made = build(usual, tmp_path)
    fused = Fusion(FusionOptions(rule="weighted", weights=(1, 0)), {"late": made, "bm25": Bm25()}).index(PASSAGES)
    np.testing.assert_array_equal(fused.search(QUERIES, 5), made.index(PASSAGES).search(QUERIES, 5))
    assert fused.n_bytes > made.index(PASSAGES).n_bytes


@slow
def test_a_length_of_yours_cuts_passages(usual: Path, tmp_path: Path) -> None:
    made = build(usual, tmp_path, max_length=8)
    assert made.base.encode(TEXTS, role="passage").counts.max() <= 8
    assert made.base.cuts(["dog", TEXTS[3]], "passage").tolist() == [False, True]


@slow
def test_what_gives_no_vectors_to_tokens_is_refused(usual: Path, tmp_path: Path) -> None:
    splade = save_splade(tmp_path / "splade")
    with pytest.raises(DataError, match="saved as SparseEncoder"):
        factory.require("late_interaction", LateInteractionOptions(path=splade))
    colbert = save_transformer(tmp_path / "colbert", "bert")
    set_setting(colbert / "config.json", architectures=["HF_ColBERT"])
    with pytest.raises(DataError, match=r"MultiVectorEncoder\(folder\)\.save"):
        factory.require("late_interaction", LateInteractionOptions(path=colbert))
    with pytest.raises(ValueError, match="'text_prompt' means nothing to late interaction"):
        LateInteractionOptions(path=usual, text_prompt="a")
