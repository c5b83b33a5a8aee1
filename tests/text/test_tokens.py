"""The tokeniser, the sentence splitter and corpora on disk."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emb_pipeline.errors import DataError
from emb_pipeline.text import token_blocks
from emb_pipeline.text import words as module
from emb_pipeline.text.held_out import HeldOut
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens
from emb_pipeline.text.words import hash_sentence, tokenize, tokenize_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Insulin INSULIN", ["insulin", "insulin"]),
        ("Straße", ["strasse"]),
        ("cafe\u0301", ["caf\u00e9"]),
        ("a beta-blocker", ["a", "beta", "blocker"]),
        ("IL-2", ["il", "2"]),
        ("don't", ["don't"]),
        ("don’t", ["don't"]),
        ("Crohn's disease", ["crohn", "s", "disease"]),
        ("Crohn ' s disease", ["crohn", "s", "disease"]),
        ("'linear'", ["linear"]),
        ("2.5 mg, 1,000 and 0.05.", ["2.5", "mg", "1", "000", "and", "0.05"]),
        ("type 2, p53, float32", ["type", "2", "p53", "float32"]),
        ("scipy.stats", ["scipy", "stats"]),
        ("n_samples=10 and coef_", ["n_samples", "10", "and", "coef_"]),
        ("__init__ and _private", ["init__", "and", "private"]),
        ("------ ____ ...", []),
        ("हिन्दी", ["हिन्दी"]),
        ("", []),
    ],
)
def test_words_are_split_by_the_documented_rules(text: str, expected: list[str]) -> None:
    assert tokenize(text) == expected


@given(st.text(alphabet="aZ9_'.- \n\t,(é", max_size=30))
def test_the_fast_roads_for_plain_text_give_what_the_general_rule_gives(text: str) -> None:
    assert tokenize(text) == module._WORD.findall(module._fold_text(text))


@pytest.mark.slow
@given(st.text(max_size=60))
def test_tokens_hold_no_white_space_and_no_capitals(text: str) -> None:
    for token in tokenize(text):
        assert token.split() == [token]
        assert tokenize(token) == [token] or not token.isascii()


def test_sentences_end_at_stops_before_a_capital_and_at_blank_lines() -> None:
    text = "One two. Three, e.g. Four? (Five) six!\n\nheading\n\nSeven\neight. nine"
    assert tokenize_sentences(text) == [
        ["one", "two"],
        ["three", "e", "g", "four"],
        ["five", "six"],
        ["heading"],
        ["seven", "eight", "nine"],
    ]


def test_initials_and_numbered_figures_do_not_end_a_sentence() -> None:
    assert len(tokenize_sentences("J. Smith et al. 1991 saw Fig. 2 and Dr. No. The end")) == 2


def test_a_sentence_is_split_off_alike_in_any_document() -> None:
    question = "What is Crohn's disease? It is rare."
    alone = tokenize_sentences(question)
    within = tokenize_sentences(f"Before it. {question} After it.\n\nMore.")
    assert all(sentence in within for sentence in alone)


def test_the_key_of_a_sentence_is_the_hash_of_its_joined_tokens() -> None:
    expected = int.from_bytes(hashlib.blake2b(b"a b", digest_size=8).digest(), "little")
    assert hash_sentence(["a", "b"]) == expected
    assert hash_sentence(["a", "b"]) != hash_sentence(["ab"])


def test_a_corpus_holds_lines_counts_and_a_manifest(tmp_path: Path) -> None:
    corpus = write_tokens([("1", "The cat sat. The dog ran."), ("2", "A cat!")], tmp_path / "corpus")
    assert corpus.tokens_path.read_bytes() == b"the cat sat\nthe dog ran\na cat\n"
    assert corpus.read_vocabulary().to_pydict() == {
        "token": ["cat", "the", "a", "dog", "ran", "sat"],
        "count": [2, 2, 1, 1, 1, 1],
    }
    assert (corpus.n_tokens, corpus.n_sentences, corpus.n_documents) == (8, 3, 2)
    assert corpus.fingerprint == hashlib.sha256(corpus.tokens_path.read_bytes()).hexdigest()
    assert list(TokenCorpus(tmp_path / "corpus")) == [["the", "cat", "sat"], ["the", "dog", "ran"], ["a", "cat"]]


def test_a_corpus_remembers_which_sentences_are_one_document(tmp_path: Path) -> None:
    documents = [("1", "The cat sat. The dog ran."), ("2", "..."), ("3", "A cat!"), ("4", "--")]
    corpus = write_tokens(documents, tmp_path / "corpus")
    assert list(corpus.read_documents()) == [[["the", "cat", "sat"], ["the", "dog", "ran"]], [], [["a", "cat"]], []]
    assert (
        list(corpus.read_document_numbers()) == [0, 0, 2] and len(corpus.sentences_per_document) == corpus.n_documents == 4
    )
    (tmp_path / "corpus" / "documents.parquet").unlink()
    with pytest.raises(DataError, match="one document is not known; write it again with the ingest stage"):
        list(corpus.read_documents())


def test_held_out_sentences_stay_out_whatever_their_case_and_are_counted(tmp_path: Path) -> None:
    held_out = HeldOut(["The cat sat."]).is_held_out
    corpus = write_tokens([("1", "THE CAT -- sat! The dog ran.")], tmp_path / "corpus", held_out=held_out)
    assert list(corpus) == [["the", "dog", "ran"]]
    assert corpus.n_held_out_sentences == 1


def test_writing_stops_before_the_sentence_that_would_pass_the_limit(tmp_path: Path) -> None:
    documents = [("1", "One two three. Four five six. Seven")]
    assert write_tokens(documents, tmp_path / "corpus", max_tokens=6).n_tokens == 6
    assert write_tokens(documents, tmp_path / "corpus", max_tokens=5).n_tokens == 3


def test_documents_are_streamed(tmp_path: Path) -> None:
    def endless() -> Iterator[tuple[str, str]]:
        while True:
            yield "again", "One two three."

    assert write_tokens(endless(), tmp_path / "corpus", max_tokens=3_000).n_tokens == 3_000


def test_a_line_longer_than_gensim_reads_is_split(tmp_path: Path) -> None:
    corpus = write_tokens([("1", "word " * 25_000)], tmp_path / "corpus")
    assert [len(line) for line in corpus] == [10_000, 10_000, 5_000]


def test_a_corpus_without_a_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no token to write"):
        write_tokens([("1", "...")], tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_stream_leaves_the_old_corpus_and_no_trace(tmp_path: Path) -> None:
    write_tokens([("1", "the old one")], tmp_path / "corpus")

    def broken() -> Iterator[tuple[str, str]]:
        yield "1", "the new one"
        raise RuntimeError("disk pulled out")

    with pytest.raises(RuntimeError):
        write_tokens(broken(), tmp_path / "corpus")
    assert list(TokenCorpus(tmp_path / "corpus")) == [["the", "old", "one"]]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_corpus_is_replaced_by_the_next_one(tmp_path: Path) -> None:
    write_tokens([("1", "the old one")], tmp_path / "corpus")
    write_tokens([("1", "the new one")], tmp_path / "corpus")
    assert list(TokenCorpus(tmp_path / "corpus")) == [["the", "new", "one"]]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "tokens.txt").write_text("half a corp")
    with pytest.raises(DataError, match=r"manifest\.json is missing"):
        TokenCorpus(tmp_path)


@pytest.fixture
def hundred_sentences(tmp_path: Path) -> TokenCorpus:
    """Sentences of 1 to 20 tokens, each a number that repeats."""
    documents = [(str(i), f"s{i} " * (1 + i % 20)) for i in range(2_000)]
    return write_tokens(documents, tmp_path / "whole")


def test_a_cut_is_almost_exactly_as_large_as_asked_and_never_larger(hundred_sentences: TokenCorpus, tmp_path: Path) -> None:
    assert hundred_sentences.n_tokens == 21_000
    for size in (500, 7_000, 20_999):
        assert size - 20 <= cut(hundred_sentences, tmp_path / "cut", size).n_tokens <= size


def test_a_cut_takes_from_everywhere_and_keeps_order_and_sentence_lengths(
    hundred_sentences: TokenCorpus, tmp_path: Path
) -> None:
    part = cut(hundred_sentences, tmp_path / "cut", 10_500)
    numbers = [int(sentence[0][1:]) for sentence in part]
    assert numbers == sorted(numbers)
    quarters = [sum(quarter * 500 <= number < (quarter + 1) * 500 for number in numbers) for quarter in range(4)]
    assert all(200 < size < 300 for size in quarters)
    assert 10 < part.n_tokens / part.n_sentences < 11  # 10.5 in the whole


def test_cuts_are_nested_and_repeatable(hundred_sentences: TokenCorpus, tmp_path: Path) -> None:
    small, large = cut(hundred_sentences, tmp_path / "small", 2_000), cut(hundred_sentences, tmp_path / "large", 9_000)
    missing = {tuple(s) for s in small} - {tuple(s) for s in large}
    assert len(missing) <= 1
    assert cut(hundred_sentences, tmp_path / "again", 2_000).fingerprint == small.fingerprint
    assert json.loads((tmp_path / "small" / "manifest.json").read_text())["cut_from"] == hundred_sentences.fingerprint


def test_a_cut_keeps_the_sentences_of_a_document_together(tmp_path: Path) -> None:
    documents = [(str(i), " ".join(f"D{i} no{part} here." for part in range(3))) for i in range(50)]
    part = cut(write_tokens(documents, tmp_path / "whole"), tmp_path / "cut", 200)
    kept = list(part.read_documents())
    assert len(kept) == 50 and sum(map(len, kept)) == part.n_sentences < 75 and [] in kept
    assert all(tokens[0] == f"d{number}" for number, sentences in enumerate(kept) for tokens in sentences)


def test_a_cut_larger_than_the_corpus_is_the_corpus(hundred_sentences: TokenCorpus, tmp_path: Path) -> None:
    assert cut(hundred_sentences, tmp_path / "cut", 10**9).fingerprint == hundred_sentences.fingerprint


def test_a_corpus_does_not_depend_on_the_documents_that_are_tokenized_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [(str(n), f"Sentence {n} of {n % 7}. Held out {n % 3}. " * (n % 5)) for n in range(400)]
    held_out = HeldOut(["Held out 1"]).is_held_out
    whole = write_tokens(documents, tmp_path / "whole", held_out=held_out)
    monkeypatch.setattr(token_blocks, "_CHARACTERS_PER_BLOCK", 500)
    parts = write_tokens(documents, tmp_path / "parts", held_out=held_out)
    assert list_bytes(parts) == list_bytes(whole)
    assert whole.n_held_out_sentences == sum(n % 5 for n in range(400) if n % 3 == 1)


@pytest.mark.slow
def test_several_processes_make_the_corpus_of_one_to_the_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_blocks, "_CHARACTERS_PER_BLOCK", 20_000)
    text = " ".join(f"Word {n} of many, w{n * n % 977}." for n in range(50))
    documents = [(str(n), f"Document {n}. {text} Held out {n % 3}. ") for n in range(500)]
    held_out = HeldOut(["Held out 1"]).is_held_out
    one = write_tokens(documents, tmp_path / "one", held_out=held_out)
    two = write_tokens(documents, tmp_path / "two", held_out=held_out, workers=2)
    assert list_bytes(two) == list_bytes(one)
    assert one.n_documents == 500 and one.n_held_out_sentences == 167


@pytest.mark.slow
def test_processes_end_where_documents_break_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_blocks, "_CHARACTERS_PER_BLOCK", 20_000)

    def broken() -> Iterator[tuple[str, str]]:
        yield from ((str(n), "Many words. " * 2_000) for n in range(40))
        raise ValueError("the file ends here")

    with pytest.raises(ValueError, match="ends here"):
        write_tokens(broken(), tmp_path / "corpus", workers=2)
    assert not multiprocessing.active_children() and not (tmp_path / "corpus").exists()


def list_bytes(corpus: TokenCorpus) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(corpus.folder.iterdir())}
