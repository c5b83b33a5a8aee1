"""Scripts without spaces between words: pairs of characters, words that a user brings, and what an audit says of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.factory import build_encoder
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.errors import DataError
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.audit.cutting import audit_cutting
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.held_out import HeldOut
from emb_pipeline.text.tokens import write_tokens
from emb_pipeline.text.words import mark_words, tokenize, tokenize_sentences, unmark_words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我喜欢手机", ["我喜", "喜欢", "欢手", "手机"]),
        ("好", ["好"]),
        ("我用iPhone手机,2020年买", ["我用", "iphone", "手机", "2020", "年买"]),
        ("東京タワーに行く", ["東京", "京タ", "タワ", "ワー", "ーに", "に行", "行く"]),
        ("ｶﾞﾗｽ と ガラス", ["ガラ", "ラス", "と", "ガラ", "ラス"]),
        ("葛\U000e0100飾区", ["葛飾", "飾区"]),
        ("𠀀𠀁𠀂", ["𠀀𠀁", "𠀁𠀂"]),
        ("รักไทย 2560", ["รัก", "กไ", "ไท", "ทย", "2560"]),
        ("ភាសាខ្មែរ", ["ភាសា", "សាខ្", "ខ្មែ", "មែរ"]),
        ("ຮັກລາວ", ["ຮັກ", "ກລ", "ລາ", "າວ"]),
        ("မြန်မာ", ["မြန်", "န်မာ"]),
        ("བོད་ཡིག་ནི།", ["བོད", "ཡིག", "ནི"]),
        ("한국어 문장입니다", ["한국어", "문장입니다"]),
        ("İstanbul’da déjà-vu naïve ʼn ſtraße 2.5", ["i̇stanbul'da", "déjà", "vu", "naïve", "ʼn", "strasse", "2.5"]),
    ],
)
def test_runs_of_scripts_without_spaces_are_pairs_of_characters(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_pairs_are_cut_alike_again() -> None:
    """What is written to a corpus as tokens is read as the same tokens."""
    for text in ("我喜欢手机", "รักไทย", "東京タワー", "ភាសាខ្មែរ", "好 吧"):
        assert tokenize(" ".join(tokenize(text))) == tokenize(text)


def test_sentences_end_at_the_full_stops_of_these_scripts_whatever_follows() -> None:
    assert tokenize_sentences("我喜欢。他说：“好！”你呢？\nどうも。") == [
        ["我喜", "喜欢"],
        ["他说", "好"],
        ["你呢"],
        ["どう", "うも"],
    ]
    assert tokenize_sentences("ភាសា។ខ្មែរ") == [["ភាសា"], ["ខ្មែ", "មែរ"]]


def test_a_held_out_sentence_is_found_in_a_document_without_spaces(tmp_path: Path) -> None:
    held = HeldOut(["这部电影很好看"])
    corpus = write_tokens([("d", "我去了。这部电影很好看。再见了")], tmp_path / "corpus", held_out=held.is_held_out)
    assert list(corpus) == [["我去", "去了"], ["再见", "见了"]]


def test_marked_words_are_what_the_user_says_in_every_line() -> None:
    text = mark_words(["我们", "Beta-Blocker", "New York", ".", "don’t"])
    assert tokenize(text) == ["我们", "beta-blocker", "new_york", ".", "don't"]
    assert unmark_words(text) == "我们 Beta-Blocker New_York . don’t"
    assert tokenize(mark_words("我们 喜欢\n电影 a-b")) == ["我们", "喜欢", "电影", "a-b"]
    assert mark_words(mark_words("a b")) == mark_words("a b")
    assert tokenize_sentences(mark_words("我们 喜欢 。 他 也 . 2.5 mg\n\n好")) == [
        ["我们", "喜欢"],
        ["他", "也"],
        ["2.5", "mg"],
        ["好"],
    ]


def labelled(folder: Path, name: str, texts: list[object]) -> Path:
    path = folder / name
    rows = [{"text": text, "label": "ab"[number % 2]} for number, text in enumerate(texts)]
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["words.jsonl", "words.parquet"])
def test_a_column_of_lists_of_words_is_taken_as_it_is_by_tasks_and_corpora(name: str, tmp_path: Path) -> None:
    words = [["我们", "喜欢", "AC-12"], ["他", "讨厌"], ["我们", "很", "好"], ["不", "好"]]
    labelled(tmp_path, name, words)
    reader = KINDS["classification"].create_reader()
    source = TypeAdapter(reader.source_type).validate_python({"reader": name[6:], "path": name, "label": "label"})
    tables = reader.read(source, tmp_path, tmp_path, "t")
    task = KINDS["classification"].create_task(tables, "t")
    assert task.texts.tokens == [[word.lower() for word in row] for row in words]
    corpus_source = TypeAdapter(CorpusSource).validate_python({"reader": name[6:], "path": name})
    documents = list(read_documents([corpus_source], tmp_path, tmp_path))
    assert next(iter(write_tokens(documents, tmp_path / "corpus"))) == ["我们", "喜欢", "ac-12"]
    held = HeldOut(reader.list_held_out(tables))
    with pytest.raises(DataError, match="no token to write"):
        write_tokens(documents, tmp_path / "held", held_out=held.is_held_out)


def test_a_list_is_a_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    reader = KINDS["classification"].create_reader()
    for row, reason in (
        ({"text": "a", "label": ["x"]}, "holds a list, not text"),
        ({"text": [1], "label": "x"}, "than words"),
    ):
        path.write_text(json.dumps(row), encoding="utf-8")
        with pytest.raises(DataError, match=reason):
            reader.read(JsonlSource(path="rows.jsonl", label="label"), tmp_path, tmp_path, "t")


def test_white_space_cuts_where_the_source_says_so_and_the_bundle_cuts_alike(tmp_path: Path) -> None:
    labelled(tmp_path, "cut.jsonl", ["好看 的-电影", "难看 的-电影"] * 6)
    reader = KINDS["classification"].create_reader()
    source = JsonlSource(path="cut.jsonl", label="label", tokenizer="whitespace")
    task = KINDS["classification"].create_task(reader.read(source, tmp_path, tmp_path, "t"), "t")
    assert set(task.texts.token_ids.words) == {"好看", "难看", "的-电影"}
    tfidf = build_encoder("tfidf", TfidfOptions(min_df=1))
    model = KINDS["classification"].load_export().fit(task, tfidf, KINDS["classification"].options(), seed=0)
    Bundle(model).write(tmp_path / "bundle")
    answer = Bundle.read(tmp_path / "bundle").model.answer(["好看 的-电影", "难看"])
    assert answer["label"].tolist() == ["a", "b"] and answer["probability"].min() > 0.55
    np.testing.assert_allclose(answer["probability"], model.answer(["好看 的-电影", "难看"])["probability"])


def test_a_tokenizer_is_refused_where_the_data_have_words_or_no_texts(tmp_path: Path) -> None:
    for kind, source in (
        ("sequence_labeling", {"reader": "iob", "path": "x", "tokenizer": "whitespace"}),
        ("recommendation", {"path": "x.csv", "tokenizer": "whitespace"}),
    ):
        reader = KINDS[kind].create_reader()
        made = TypeAdapter(reader.source_type).validate_python(source)
        (tmp_path / "x").write_text("a\tO\n\n", encoding="utf-8")
        (tmp_path / "x.csv").write_text("user,item,timestamp\na,b,1\n", encoding="utf-8")
        with pytest.raises(DataError, match="leave 'tokenizer' out"):
            reader.read(made, tmp_path, tmp_path, "t")
    with pytest.raises(ValueError, match=r"default.*whitespace"):
        JsonlSource(path="x", tokenizer="jieba")  # type: ignore[arg-type]


def test_the_audit_names_texts_without_spaces_and_texts_that_nothing_cuts() -> None:
    def lines(*texts: str) -> dict[str, tuple[int, str, list[str]]]:
        table = pa.table({"example_id": [f"e{row}" for row in range(len(texts))], "text": list(texts)})
        rows = audit_cutting({"examples": table}).to_pylist()
        return {row["check"]: (row["count"], row["severity"], row["examples"]) for row in rows}

    assert lines("plain text", "Donaudampfschifffahrtsgesellschaft hat Schiffe auf der Donau", "한국어 문장입니다") == {}
    assert lines("plain", "我喜欢手机", "我用 iPhone 手机") == {"scripts_without_spaces": (1, "size", ["e1"])}
    assert lines("thisisatextthatnobodyhascutintowordsyetandnobodywill") == {"uncut_texts": (1, "warning", ["e0"])}
    assert lines(mark_words("我喜欢手机我喜欢手机我喜欢手机我喜欢手机我喜欢手机我喜欢手机")) == {
        "uncut_texts": (1, "warning", ["e0"])
    }
