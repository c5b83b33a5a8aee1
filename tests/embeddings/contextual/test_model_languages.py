"""The language of a model is what its card says, or unknown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emb_pipeline.embeddings.contextual.models.model_card import describe_model, languages_of
from emb_pipeline.embeddings.contextual.open_encoder import open_encoder
from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.facts import build_embedding_facts, list_embeddings
from emb_pipeline.statistics.costs import OF_EVALUATION
from emb_pipeline.statistics.embedding_facts import find_pretrained_languages
from emb_pipeline.tasks.cell_tables import build_cells_table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("card", "languages"),
    [
        ("---\nlanguage: en\nlicense: mit\n---\n# A model\n", ["en"]),
        ("\ufeff---\nlanguage:\n- en\n- de\n- no\n---\n", ["en", "de", "no"]),
        ("---\r\nlanguage: [multilingual]\r\n---\r\n", ["multilingual"]),
        ("---\nlicense: mit\n---\nlanguage: en\n", []),
        ("---\nlanguage: {en: 1}\n---\n", []),
        ("---\nlanguage: '<script>alert(1)</script>'\n---\n", []),
        ("---\nlanguage: [en\n---\n", []),
        ("---\n" + "[" * 20_000 + "\n---\n", []),
        ("language: en", []),
        ("", []),
        (None, []),
    ],
)
def test_the_language_is_read_from_the_head_of_the_card(card: str | None, languages: list[str], tmp_path: Path) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card, encoding="utf-8", newline="")
    assert languages_of(tmp_path) == languages


def test_a_card_that_is_no_text_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"---\nlanguage: \xff\xfe\n---\n")
    assert languages_of(tmp_path) == []


def test_the_language_goes_from_the_model_to_whatever_is_made_from_it(tiny_transformer: Path, tmp_path: Path) -> None:
    """From the folder through the table of cells to the decision."""
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_transformer, folder)
    (folder / "README.md").write_text("---\nlanguage: en\n---\n")
    encoder = load(SentenceTransformerOptions(path=folder), tmp_path / "encoder")
    training = {"params": {"corpus_tokens": None}, "metrics": {"train_seconds": 1.0, "peak_rss_bytes": 9}, "series": {}}
    training["tags"] = {"provenance": encoder.provenance}
    record = {
        "embedding": "pretrained.e5",
        "family": "pretrained.e5",
        "task": "t",
        "kind": "retrieval",
        "primary_metric": "ndcg@10",
        "dim": 16,
        "tags": {"options": "{}"},
        "details": {},
    }
    record |= {"params": {"origin": "pretrained", "method": "sentence_transformer", "dim": 16, "tuned": False, "seed": 0}}
    record |= {"metrics": {"ndcg@10": 0.5, **dict.fromkeys(OF_EVALUATION, 1.0)}}
    table = build_cells_table([record], training).to_pandas()
    derived = {**record, "embedding": "pretrained.static"}
    own = {**training, "tags": {"provenance": {}}}
    assert set(build_cells_table([derived], own, bases=[training]).column("languages").to_pylist()) == {"en"}
    assert set(build_cells_table([derived], own).column("languages").to_pylist()) == {None}
    grid = {
        "corpora": ["domain"],
        "methods": {"word2vec": [8]},
        "pretrained": {
            "e5": {"method": "sentence_transformer", "options": {"path": str(folder)}},
            "glove": {"options": {"path": "x.txt", "format": "glove_text"}},
        },
        "derived": {"pretrained.small": {"method": "reduced", "of": "pretrained.e5", "options": {"dims": 2}}},
        "tasks": ["t"],
    }
    methods = {"word2vec": {}, "static_file": {}, "sentence_transformer": {}, "reduced": {}}
    facts = build_embedding_facts(list_embeddings(expand_grid(grid, methods)))
    assert find_pretrained_languages(facts, table) == {
        "pretrained.e5": "en",
        "pretrained.small": "en",
        "pretrained.glove": "",
    }
    languages = find_pretrained_languages(facts, pd.DataFrame(columns=table.columns))
    assert languages["pretrained.small"] == ""


def test_a_model_is_described_by_its_card_and_files(tiny_transformer: Path, tmp_path: Path) -> None:
    import shutil

    from transformers import AutoModel

    model = Path(shutil.copytree(tiny_transformer, tmp_path / "model"))
    parameters = sum(
        parameter.numel() for parameter in AutoModel.from_pretrained(model, add_pooling_layer=False).parameters()
    )
    size = (model / "model.safetensors").stat().st_size
    plain = {"architecture": "bert", "parameters": parameters, "bytes": size}
    assert describe_model(model) == plain
    lines = "license: apache-2.0\nbase_model:\n- maker/base\n- '<b>'\nlanguage: de\n"
    (model / "README.md").write_text(f"---\n{lines}---\n")
    told = {"license": "apache-2.0", "base_model": ["maker/base"], "languages": ["de"]}
    assert describe_model(model) == plain | told
    options = SentenceTransformerOptions(path=model, max_length=10)
    encoder = open_encoder(load(options, tmp_path / "encoder"), options)
    assert encoder.details["model"] == plain | told | {"max_length": 10}
    (model / "README.md").write_text("---\nlicense: other\nlicense_name: maker-terms-1.0\n---\n")
    assert describe_model(model)["license"] == "maker-terms-1.0"
