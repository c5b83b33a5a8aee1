"""What a bundle answers to requests that it does not know, or that are no texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.embeddings.marked import MarkedEncoder
from emb_pipeline.embeddings.sparse.options import LsaOptions, TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Lsa, Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.export import TextClassifier
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.export.requests import LONGEST_TEXT
from emb_pipeline.tasks.export.vectors import TextVectors
from emb_pipeline.tasks.retrieval.export import TextSearch
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.text.texts import Texts

from .test_bundle import EMBEDDINGS, VECTORS, WORDS

NOTHING_KNOWN = ["", "  \n", "zzz qqq", "…"]
NO_TEXTS = [None, float("nan"), pd.NA, 3, 1.5, {"text": "sand"}, ["sand"], b"sand", "x" * (LONGEST_TEXT + 1)]


@pytest.fixture(params=["dense", "sparse", "lsa", "reduced"])
def classifier(request: pytest.FixtureRequest) -> TextClassifier:
    """Trained on twice as many texts of the shore as of the wood."""
    rng = np.random.default_rng(1)
    labels = np.array(["shore", "shore", "wood"] * 12)
    texts = Texts(" ".join(rng.choice(WORDS[label], size=3)) for label in labels)
    task = ClassificationTask("places", np.array([str(row) for row in range(36)]), texts, labels)
    embedding = {
        "dense": EMBEDDINGS["dense"],
        "sparse": EMBEDDINGS["sparse"],
        "lsa": lambda: Lsa(LsaOptions(min_df=1, max_ngram=1), dim=3, seed=0),
        "reduced": lambda: Reduced(ReducedOptions(dims=4), EMBEDDINGS["dense"]()),
    }[request.param]()
    made = TextClassifier.fit(task, embedding, ClassificationOptions(label_draws=0), seed=0)
    assert isinstance(made, TextClassifier)
    return made


def test_of_what_the_embedding_does_not_know_the_prior_is_answered_and_flagged(
    classifier: TextClassifier, tmp_path: Path
) -> None:
    Bundle(classifier).write(tmp_path / "bundle")
    for model in (classifier, Bundle.read(tmp_path / "bundle").model):
        answers = model.answer([*NOTHING_KNOWN, "fern owl moss"])
        assert answers["known"].tolist() == [False] * 4 + [True]
        assert answers["label"].tolist() == ["shore"] * 4 + ["wood"]
        assert answers["probability"][:4].tolist() == pytest.approx([2 / 3] * 4)
        assert answers["error"].tolist() == [None] * 5


def test_a_row_that_is_no_text_fails_alone(classifier: TextClassifier) -> None:
    answers = classifier.answer(["sand tide gull", *NO_TEXTS, "fern owl moss"])
    assert answers["label"].tolist() == ["shore", *[None] * len(NO_TEXTS), "wood"]
    assert answers["known"].tolist() == [True, *[False] * len(NO_TEXTS), True]
    assert answers["probability"].isna().tolist() == [False, *[True] * len(NO_TEXTS), False]
    assert answers["error"].tolist()[1:4] == ["there is no text: leave the row out, or give an empty string"] * 3
    assert answers["error"][4] == "the row is of type int, not a text: give a string"
    assert answers["error"][9] == "the text has 1,000,001 characters, more than 1,000,000: cut it into parts"
    alone = classifier.answer([None])
    assert alone["label"].tolist() == [None] and list(alone) == list(answers)
    assert classifier.answer([]).empty


def test_a_string_is_one_text_and_a_table_has_a_column_of_texts(classifier: TextClassifier) -> None:
    one = classifier.answer("sand tide")
    assert len(one) == 1 and one["label"][0] == "shore"
    for rows in (
        pd.DataFrame({"id": [1, 2], "text": ["sand", "moss"]}),
        pd.Series(["sand", "moss"], index=[7, 7]),
        np.array(["sand", "moss"]),
        (text for text in ("sand", "moss")),
    ):
        assert classifier.answer(rows)["label"].tolist() == ["shore", "wood"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (pd.DataFrame({"texts": ["sand"], "id": [1]}), r"has no column 'text' \(columns: texts, id\); name the column"),
        (pd.DataFrame([["sand", "moss"]], columns=["text", "text"]), "has several columns 'text'"),
        ({"text": ["sand"]}, "is of type dict, not texts; give a list of strings"),
        (7, "is of type int, not texts"),
        (None, "is of type NoneType, not texts"),
        (b"sand", "is of type bytes, not texts"),
    ],
)
def test_what_is_no_list_of_rows_is_refused(asked: object, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        TextVectors(EMBEDDINGS["dense"]()).answer(asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", EMBEDDINGS)
def test_a_search_finds_nothing_for_what_it_does_not_know(kind: str) -> None:
    passages = Texts(["sand tide shell", "moss bark", "fern owl moss"])
    qrels = sp.csr_array(np.array([[1.0, 0, 0]], dtype=np.float32))
    task = RetrievalTask("find", np.array(["q"]), Texts(["gull sand"]), np.array(["a", "b", "c"]), passages, qrels)
    search = TextSearch.fit(task, EMBEDDINGS[kind](), RetrievalOptions(), seed=0)
    assert isinstance(search, TextSearch)
    found = search.answer(["zzz", "moss bark", None], k=2)
    assert found["query"].tolist() == [0, 1, 1, 2] and found["rank"].tolist() == [0, 1, 2, 0]
    assert found["passage_id"].tolist() == [None, "b", "c", None] and found["known"].tolist() == [False, True, True, False]
    assert found["error"][3] is not None and found["cosine"].isna().tolist() == [True, False, False, True]
    assert list(search.answer([])) == list(found) == list(search.answer(["zzz"]))


def test_vectors_of_what_is_not_known_are_flagged() -> None:
    answers = TextVectors(EMBEDDINGS["dense"]()).answer(["sand", "zzz", None])
    assert answers["known"].tolist() == [True, False, False]
    np.testing.assert_array_equal(answers["vector"][0], VECTORS.vectors[0])
    assert not answers["vector"][1].any() and answers["vector"][2] is None


@pytest.mark.slow
def test_a_transformer_knows_a_text_by_its_sub_words(tiny_transformer: Path, tmp_path: Path) -> None:
    folder = load(SentenceTransformerOptions(path=tiny_transformer), tmp_path / "encoder")
    encoder = ContextualEncoder(folder, EncoderOptions())
    texts = ["the cat sat", "zebra", "", "zebra cat", "[PAD]"]
    assert find_known(encoder, texts, encoder.encode(texts)).tolist() == [True, False, False, True, False]


def test_unknown_texts_are_not_known_by_counts() -> None:
    fitted = Tfidf(TfidfOptions()).fit(Texts(["sand tide", "moss"]))
    assert find_known(fitted, ["sand", "zzz"], fitted.encode(["sand", "zzz"])).tolist() == [True, False]
    assert find_known(fitted, [], None).tolist() == []


def test_an_embedding_of_texts_that_came_as_words_takes_lists_of_words() -> None:
    marked = MarkedEncoder(EMBEDDINGS["dense"]())
    answers = TextVectors(marked).answer([["sand"], "sand", ["zzz"], [], ["sand", 3]])
    np.testing.assert_array_equal(answers["vector"][0], answers["vector"][1])
    assert answers["known"].tolist() == [True, True, False, False, False]
    assert answers["error"].notna().tolist() == [False] * 4 + [True]


def test_an_embedding_that_a_tagging_task_chose_is_fitted_on_its_sentences() -> None:
    ids, split = np.array(["a", "b"]), np.array(["train", "test"])
    task = SequenceLabelingTask("tools", ids, [["sand", "tide"], ["moss"]], [["B-X", "O"], ["O"]], split)
    model = TextVectors.fit(task, EMBEDDINGS["sparse"](), SequenceLabelingOptions(), seed=0)
    assert isinstance(model, TextVectors)
    assert model.answer(["tide", "moss", "zzz"])["known"].tolist() == [True, True, False]
