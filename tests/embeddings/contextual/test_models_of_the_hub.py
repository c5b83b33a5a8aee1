"""Models after the pattern of those of the hub: each has the vectors that sentence-transformers gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.library_encoder import LibraryEncoder
from emb_pipeline.embeddings.contextual.models.architectures import ARCHITECTURES
from emb_pipeline.embeddings.contextual.open_encoder import open_encoder
from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load, require
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.errors import DataError
from tests.embeddings.contextual.tiny_models import CONFIGS, TEXTS, make_tokenizer, save_model, save_transformer, set_setting

pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.slow

Behind = Callable[[Any], list[Any]]


def pool(mode: Any, *others: Any, **settings: Any) -> Behind:
    from sentence_transformers.sentence_transformer.modules import Pooling

    return lambda dim: [Pooling(dim, mode, **settings), *(each() for each in others)]


def normalize() -> Any:
    from sentence_transformers.base.modules import Normalize

    return Normalize()


def dense(n_in: int, n_out: int, activation: str = "Tanh", bias: bool = True) -> Callable[[], Any]:
    def make() -> Any:
        import torch
        from sentence_transformers.base.modules import Dense

        torch.manual_seed(9)
        return Dense(n_in, n_out, bias=bias, activation_function=getattr(torch.nn, activation)())

    return make


def layer_norm() -> Any:
    import torch
    from sentence_transformers.sentence_transformer.modules import LayerNorm

    module = LayerNorm(16)
    with torch.no_grad():
        module.norm.weight.normal_()
        module.norm.bias.normal_()
    return module


DECODER = {"first": False, "padding_side": "left"}
FAMILIES: dict[str, tuple[str, Callable[[], Behind], dict[str, Any]]] = {
    "e5": ("xlm-roberta", lambda: pool("mean", normalize), {"prompts": {"query": "query: ", "passage": "passage: "}}),
    "bge": ("bert", lambda: pool("cls", normalize), {"prompts": {"query": "find what answers: "}}),
    "gte": ("modernbert", lambda: pool("cls"), {}),
    "nomic": (
        "nomic_bert",
        lambda: pool("mean", layer_norm, normalize),
        {"prompts": {"query": "search_query: ", "document": "search_document: "}, "truncate_dim": 8},
    ),
    "qwen3": (
        "qwen3",
        lambda: pool("lasttoken", normalize),
        {"prompts": {"query": "Instruct: find it\nQuery:", "document": ""}, "tokenizer": DECODER},
    ),
    "qwen3, padded on the right": ("qwen3", lambda: pool("lasttoken"), {"tokenizer": {"first": False}}),
    "gemma": (
        "gemma3_text",
        lambda: pool("mean", dense(16, 32, "Identity", bias=False), dense(32, 16, "Identity", bias=False), normalize),
        {"prompts": {"query": "task: search result | query: ", "document": "title: none | text: "}},
    ),
    "mpnet": ("mpnet", lambda: pool("mean", normalize), {}),
    "labse": ("bert", lambda: pool("cls", dense(16, 12), normalize), {}),
    "sentence-t5": (
        "t5",
        lambda: pool("mean", dense(16, 12, "Identity", bias=False), normalize),
        {"tokenizer": {"first": False}},
    ),
    "sgpt": ("llama", lambda: pool("weightedmean"), {"tokenizer": DECODER, "similarity_fn_name": "dot"}),
    "instructor": (
        "mt5",
        lambda: pool("mean", normalize, include_prompt=False),
        {"prompts": {"query": "Represent it: "}, "tokenizer": {"first": False}},
    ),
    "weighted without its prompt": (
        "mistral",
        lambda: pool("weightedmean", include_prompt=False),
        {"prompts": {"query": "find: "}, "tokenizer": DECODER},
    ),
    "several poolings": ("roberta", lambda: pool(("mean", "max", "mean_sqrt_len_tokens")), {"default_prompt_name": None}),
    "relu": ("distilbert", lambda: pool("mean", dense(16, 24, "ReLU")), {}),
}


def check(model: Path, folder: Path, kind: type, tolerance: float = 1e-4, **options: Any) -> Any:
    """Hold all roles against the library."""
    import torch
    from sentence_transformers import SentenceTransformer

    chosen = SentenceTransformerOptions(path=model, **options)
    encoder = open_encoder(load(chosen, folder / "encoder"), chosen)
    assert type(encoder) is kind
    library = SentenceTransformer(str(model), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32})
    expected = {
        "text": library.encode(TEXTS),
        "query": library.encode_query(TEXTS),
        "passage": library.encode_document(TEXTS),
    }
    for role, vectors in expected.items():
        found = encoder.encode(TEXTS, role)  # type: ignore[arg-type]
        assert found.shape == (len(TEXTS), encoder.dim) and found.dtype == np.float32
        np.testing.assert_allclose(found, vectors, atol=tolerance)
    apart = expected["text"] / np.linalg.norm(expected["text"], axis=1, keepdims=True)
    assert (apart @ apart.T)[~np.eye(len(TEXTS), dtype=bool)].max() < 0.9999  # or the test would show nothing
    assert encoder.similarity == library.similarity_fn_name
    return encoder


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_has_the_librarys_vectors(family: str, tmp_path: Path) -> None:
    name, behind, settings = FAMILIES[family]
    model = save_model(tmp_path, name, behind(), **settings)
    check(model, tmp_path, ContextualEncoder)


@pytest.mark.parametrize("name", sorted({*ARCHITECTURES} - {name for name, *_ in FAMILIES.values()}))
def test_each_other_architecture_has_the_librarys_vectors(name: str, tmp_path: Path) -> None:
    check(save_transformer(tmp_path / "model", name), tmp_path, ContextualEncoder)


@pytest.mark.parametrize("name", ["xlm-roberta", "mpnet", "modernbert", "qwen3", "t5"])
def test_onnx_runtime_gives_the_same_vectors_of_each_kind(name: str, tmp_path: Path) -> None:
    check(save_transformer(tmp_path / "model", name), tmp_path, ContextualEncoder, backend="onnx")


def test_what_cannot_be_converted_for_onnx_runtime_is_refused(tmp_path: Path) -> None:
    model = save_transformer(tmp_path / "model", "gemma3_text")
    with pytest.raises(DataError, match=r"gemma3_text, which cannot be converted for ONNX Runtime; set backend: torch"):
        load(SentenceTransformerOptions(path=model, backend="onnx"), tmp_path / "encoder")


def test_every_architecture_that_is_encoded_with_here_was_compared() -> None:
    assert {*CONFIGS} == {*ARCHITECTURES}


@pytest.fixture
def static(tmp_path: Path) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(7)
    module = StaticEmbedding(make_tokenizer()._tokenizer, embedding_dim=24)
    SentenceTransformer(modules=[module], device="cpu", prompts={"query": "find: "}, truncate_dim=16).save(
        str(tmp_path / "static")
    )
    return tmp_path / "static"


@pytest.fixture
def routed(tmp_path: Path) -> Path:
    """Static vectors of queries, a transformer's of documents."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding

    torch.manual_seed(8)
    documents = Transformer(str(save_transformer(tmp_path / "plain", "bert")))
    queries = StaticEmbedding(make_tokenizer()._tokenizer, embedding_dim=16)
    router = Router.for_query_document(query_modules=[queries], document_modules=[documents, Pooling(16, "mean")])
    SentenceTransformer(modules=[router, normalize()], device="cpu").save(str(tmp_path / "routed"))
    return tmp_path / "routed"


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    """A weighted mean of all layers, pooled."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling, WeightedLayerPooling

    plain = save_transformer(tmp_path / "plain", "bert")
    set_setting(plain / "config.json", output_hidden_states=True)
    weights = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    layers = WeightedLayerPooling(16, num_hidden_layers=2, layer_start=0, layer_weights=weights)
    SentenceTransformer(modules=[Transformer(str(plain)), layers, Pooling(16, "mean")], device="cpu").save(
        str(tmp_path / "layered")
    )
    return tmp_path / "layered"


@pytest.mark.parametrize("kind", ["static", "routed", "layered"])
def test_what_is_not_encoded_with_here_is_by_the_library_and_says_so(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    encoder = check(request.getfixturevalue(kind), tmp_path, LibraryEncoder, tolerance=1e-6, batch_tokens=64)
    assert encoder.details["encoded_by"].startswith("sentence-transformers, because ")
    assert encoder.knows(["a cat", ""], encoder.encode(["a cat", ""])).tolist() == [True, False]
    stored = StoredEncoder(encoder, tmp_path / "store")
    for role in ("text", "query", "passage"):
        np.testing.assert_array_equal(stored.encode(TEXTS, role), encoder.encode(TEXTS, role))
        np.testing.assert_array_equal(stored.encode(TEXTS[:1], role), encoder.encode(TEXTS, role)[:1])
    write_embedding(stored, tmp_path / "exported")
    again = read_embedding(tmp_path / "exported")
    assert type(again) is LibraryEncoder
    np.testing.assert_allclose(again.encode(TEXTS, "query"), encoder.encode(TEXTS, "query"), atol=1e-6)
    with pytest.raises(DataError, match="has no vectors of tokens here"):
        encoder.encode_tokens([["cat"]])


def test_routes_have_fingerprints_of_their_own_and_long_texts_are_told(routed: Path, tmp_path: Path) -> None:
    options = SentenceTransformerOptions(path=routed)
    encoder = open_encoder(load(options, tmp_path / "encoder"), options)
    assert len({encoder.fingerprint(role) for role in ("text", "query", "passage")}) == 3
    assert not np.allclose(encoder.encode(TEXTS, "query"), encoder.encode(TEXTS, "passage"), atol=0.1)
    assert encoder.cuts(["cat", "cat " * 60]).tolist() == [False, True]


@pytest.mark.parametrize(
    "option",
    [
        {"pooling": "mean"},
        {"layer": 1},
        {"backend": "onnx"},
        {"long_texts": "chunk_mean"},
        {"max_length": 16},
        {"truncate_dim": 400},
    ],
)
def test_an_option_that_the_library_cannot_honor_is_refused(option: dict[str, Any], static: Path, tmp_path: Path) -> None:
    (name,) = option
    options = SentenceTransformerOptions(path=static, **option)
    with pytest.raises(DataError, match=name):
        load(options, tmp_path / "encoder")
    if name not in ("max_length", "truncate_dim"):  # these need the model itself
        with pytest.raises(DataError, match=name):
            require(options)
    load(SentenceTransformerOptions(path=static), tmp_path / "encoder")


def test_a_checksum_is_of_weights_in_the_models_own_folder(routed: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no model.safetensors in its own folder.*leave sha256 out"):
        load(SentenceTransformerOptions(path=routed, sha256="0" * 64), tmp_path / "encoder")


def test_a_length_is_read_by_the_library_as_well(layered: Path, tmp_path: Path) -> None:
    whole, short = (SentenceTransformerOptions(path=layered, max_length=length) for length in (None, 8))
    folder = load(short, tmp_path / "encoder")
    vectors = [open_encoder(folder, options).encode([TEXTS[3], TEXTS[1]]) for options in (whole, short)]
    assert not np.allclose(vectors[0][0], vectors[1][0], atol=1e-3)
    np.testing.assert_allclose(vectors[0][1], vectors[1][1], atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "static"])
def test_fewer_dimensions_are_the_first_ones(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    model = request.getfixturevalue("static") if kind == "static" else save_model(tmp_path, "bert", pool("mean", normalize))
    library = SentenceTransformer(str(model), device="cpu", truncate_dim=5, model_kwargs={"dtype": torch.float32})
    for normalizes in (None, True):
        options = SentenceTransformerOptions(path=model, truncate_dim=5, normalize=normalizes)
        encoder = open_encoder(load(options, tmp_path / f"encoder {normalizes}"), options)
        expected = library.encode(TEXTS, normalize_embeddings=bool(normalizes))
        assert encoder.dim == 5
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


def test_tokens_of_a_decoder_have_the_states_of_their_sub_words(tmp_path: Path) -> None:
    """Neither [CLS] nor [SEP]; the space before a word belongs to it."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = save_model(tmp_path, "qwen3", pool("lasttoken", dense(16, 12)), tokenizer=DECODER)
    options = SentenceTransformerOptions(path=model)
    encoder = open_encoder(load(options, tmp_path / "encoder"), options)
    assert (isinstance(encoder, ContextualEncoder) and encoder.ends == ([], [0])) or encoder.ends == ([], [1])
    words = ["the", "cat", "sat", "yesterday"]
    (found,) = encoder.encode_tokens([words])
    assert found.shape == (4, 16) and encoder.dim == 12
    tokenizer, transformer = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model, dtype=torch.float32)
    read = tokenizer("the cat sat yesterday", return_tensors="pt", return_offsets_mapping=True)
    offsets = read.pop("offset_mapping")[0].numpy()
    with torch.no_grad():
        states = transformer(**read).last_hidden_state[0].numpy()
    starts = np.array([0, 4, 8, 12])
    for word, start in enumerate(starts):
        end = start + len(words[word])
        inside = [row for row, (_, stop) in enumerate(offsets) if start < stop <= end]
        np.testing.assert_allclose(found[word], states[inside].mean(axis=0), atol=1e-5)


def test_windows_of_a_decoder_hold_question_and_context(tmp_path: Path) -> None:
    model = save_transformer(tmp_path / "model", "llama", first=True, last=False)
    options = SentenceTransformerOptions(path=model, max_length=16)
    encoder = open_encoder(load(options, tmp_path / "encoder"), options)
    assert isinstance(encoder, ContextualEncoder)
    windows = list(encoder.windows(["where", "is", "it"], ["the", "cat", "sat", "on", "the", "mat"] * 3))
    assert len(windows) > 1 and all(len(window.ids) <= 16 for window in windows)
    read = {int(word) for window in windows for word in window.word_of}
    assert read == set(range(18))
    assert all(window.ids[0] == encoder.ends[0][0] for window in windows)
    assert [states.shape for _, states in encoder.window_states(windows[:1])] == [(len(windows[0].ids), 16)]


def test_an_empty_text_of_a_tokenizer_without_ends_is_zeros_and_unknown(tmp_path: Path) -> None:
    model = save_transformer(tmp_path / "model", "llama", first=False, last=False)
    options = SentenceTransformerOptions(path=model, pooling="lasttoken")
    encoder = open_encoder(load(options, tmp_path / "encoder"), options)
    vectors = encoder.encode(["", "cat", ""])
    assert not vectors[[0, 2]].any() and vectors[1].any()
    assert encoder.knows(["", "cat"], vectors).tolist() == [False, True]


def test_chunks_go_through_the_modules_behind_the_pooling(tmp_path: Path) -> None:
    model = save_model(tmp_path, "bert", pool("mean", dense(16, 12), normalize))
    options = SentenceTransformerOptions(path=model, long_texts="chunk_max", max_length=10)
    encoder = open_encoder(load(options, tmp_path / "encoder"), options)
    plain = open_encoder(encoder.folder, SentenceTransformerOptions(path=model, max_length=10, normalize=False))
    assert isinstance(encoder, ContextualEncoder)
    text = "the cat sat on the mat and a dog"
    ids, _ = encoder.chunks([text])
    parts = [encoder._tokenizer.decode(chunk[1:-1]) for chunk in ids]
    expected = plain.encode(parts).max(axis=0)
    np.testing.assert_allclose(encoder.encode([text])[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_a_model_for_images_is_refused(static: Path, tmp_path: Path) -> None:
    set_setting(save_transformer(tmp_path / "clip", "bert") / "config.json", model_type="clip", vision_config={})
    with pytest.raises(DataError, match="is a model of images and texts"):
        load(SentenceTransformerOptions(path=tmp_path / "clip"), tmp_path / "encoder")
    modules = (static / "modules.json").read_text().replace("static_embedding.StaticEmbedding", "clip_model.CLIPModel")
    (static / "modules.json").write_text(modules)
    with pytest.raises(DataError, match=r"is a CLIP model, .*use a model of texts alone"):
        load(SentenceTransformerOptions(path=static), tmp_path / "encoder")


def test_what_only_the_library_encodes_with_is_neither_tuned_nor_distilled(layered: Path, tmp_path: Path) -> None:
    from emb_pipeline.embeddings.contextual.distilled import distil
    from emb_pipeline.embeddings.contextual.options import DistilledOptions, EncoderTuningOptions
    from emb_pipeline.embeddings.contextual.training.tuning_loop import EncoderTraining

    options = SentenceTransformerOptions(path=layered)
    folder = load(options, tmp_path / "encoder")
    with pytest.raises(DataError, match=r"cannot be distilled here: .*WeightedLayerPooling"):
        distil(folder, DistilledOptions(), tmp_path / "distilled")
    with pytest.raises(DataError, match="cannot be fine-tuned here"):
        EncoderTraining(folder, options, EncoderTuningOptions(), 0)


def test_tuning_keeps_the_modules_behind_the_pooling(tmp_path: Path) -> None:
    from emb_pipeline.embeddings.contextual.options import EncoderTuningOptions
    from emb_pipeline.embeddings.contextual.training.encoder_tuning import tune_on_pairs

    model = save_model(tmp_path, "qwen3", pool("lasttoken", dense(16, 12), normalize), tokenizer=DECODER)
    options = SentenceTransformerOptions(path=model)
    folder = load(options, tmp_path / "encoder")
    tuning = EncoderTuningOptions(epochs=1, batch_size=2, learning_rate=1e-2)
    held_out = np.array([False, False, False, True, True])
    tuned = tune_on_pairs(folder, options, TEXTS, TEXTS[::-1], held_out, tuning, seed=0, folder=tmp_path / "tuned")
    before, after = (open_encoder(each, options).encode(TEXTS) for each in (folder, tuned.encoder))
    assert after.shape == (5, 12) and np.isfinite(after).all()
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)
    assert (min(tuned.losses) < tuned.losses[0]) == (not np.allclose(before, after, atol=1e-6))
