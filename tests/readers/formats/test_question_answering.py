"""SQuAD, PubMedQA, LiveQA and judged pairs: well-formed files, and malformed ones."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.tasks.classification.reader import ClassificationSource, read_classification
from emb_pipeline.tasks.extractive_qa.audit import audit_extractive_qa
from emb_pipeline.tasks.extractive_qa.questions import read_squad
from emb_pipeline.tasks.extractive_qa.sources import SquadAnswersSource
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.retrieval.reader import RetrievalSource, read_retrieval

CONTEXT = "Marie Curie won the prize in 1903.  She was born in Warsaw."


def asked(name: str, question: str, answer: str = "1903", start: int = 29, **more: object) -> dict[str, Any]:
    return {"id": name, "question": question, "answers": [{"text": answer, "answer_start": start}], **more}


def article(title: str, *questions: dict[str, Any], context: str = CONTEXT) -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": context, "qas": list(questions)}]}


def write(path: Path, *articles: dict[str, Any]) -> None:
    path.write_text(json.dumps({"version": "1.1", "data": list(articles)}), encoding="utf-8")


def answers(project: Path, **source: Any) -> list[dict[str, Any]]:
    parsed = SquadAnswersSource(path="squad.json", **source)
    return read_squad(parsed, project / "raw", project, BadRows.of(parsed)).to_pylist()


def retrieval(project: Path, **source: Any) -> RetrievalTables:
    return read_retrieval(TypeAdapter[Any](RetrievalSource).validate_python(source), project / "raw", project)


def test_articles_go_to_one_part_each(tmp_path: Path) -> None:
    write(tmp_path / "squad.json", *(article(f"A{number}", asked(f"q{number}", "When?")) for number in range(8)))
    rows = answers(tmp_path, test_share=0.25, validation_share=0.25)
    assert sorted(row["split"] for row in rows) == ["test"] * 2 + ["train"] * 4 + ["validation"] * 2
    for row in rows:
        start = row["answer_starts"][0]
        assert row["context"][start : start + 4] == "1903" == row["answers"][0]
    assert rows == answers(tmp_path, test_share=0.25, validation_share=0.25)


def test_files_of_each_split_are_taken_as_they_are_and_impossible_questions_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "train.json", article("A", asked("a", "When?")))
    impossible = {"id": "c", "question": "Why?", "answers": [], "is_impossible": True}
    write(tmp_path / "test.json", article("A", asked("b", "Where?", "Warsaw", CONTEXT.index("Warsaw")), impossible))
    source = SquadAnswersSource(path=".", splits={"train": "train.json", "test": "test.json"})
    table = read_squad(source, tmp_path / "raw", tmp_path, BadRows.of(source))
    assert [(row["example_id"], row["split"]) for row in table.to_pylist()] == [("a", "train"), ("b", "test")]
    lines = {row["check"]: row["count"] for row in audit_extractive_qa(table).to_pylist()}
    assert (lines["shared_contexts"], lines["questions.test"], lines["answers_inside_words"]) == (1, 1, 0)


def test_an_answer_at_another_place_of_its_context_is_taken_where_it_is(tmp_path: Path) -> None:
    write(tmp_path / "squad.json", *(article(f"A{n}", asked(f"q{n}", "When?", start=3)) for n in range(3)))
    rows = answers(tmp_path)
    assert all(row["context"][row["answer_starts"][0] :].startswith("1903") for row in rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{not json", r"squad.json: it is not JSON \(.*line 1"),
        ("[]", "squad.json: it is not a JSON object"),
        ({"data": {}}, "squad.json: 'data' is not a list"),
        ([article("A", asked("q", " "))], "article 1, paragraph 1, question q: 'question' is empty"),
        ([article("A", asked("q", "Who?", "Einstein"))], "question q: the answer 'Einstein' is not in its context; copy"),
        ([article("A", asked("q", "Who?", "Curie", -2))], "question q: answer_start -2 is not a whole number"),
        ([article("A", {"id": "q", "question": "Who?", "answers": []})], "question q: it has no answer; give one"),
        ([article(f"A{n}", asked("q", "When?")) for n in range(3)], r"article \d.*question q: its id was used at .*article"),
        ([article("A", asked("q", "When?"))], "has 1 articles with answered questions, too few to split"),
        ([article("A", asked("q", "When?"), context=" ")], "article 1, paragraph 1: 'context' is empty"),
    ],
)
def test_bad_squad_files_are_refused_with_the_place(content: Any, message: str, tmp_path: Path) -> None:
    text = content if isinstance(content, str) else json.dumps({"data": content} if isinstance(content, list) else content)
    (tmp_path / "squad.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        answers(tmp_path)


def test_paragraphs_are_found_by_their_questions_and_no_paragraph_is_trained_and_tested_on(tmp_path: Path) -> None:
    articles = []
    for number in range(20):
        context = f"Paragraph number {number} says 1903 to all who read it."
        twice = [asked(f"q{number}{side}", f"What says {side} of {number}?", start=context.index("1903")) for side in "ab"]
        articles.append(article(f"T{number}", *twice, context=context))
    write(tmp_path / "squad.json", *articles)
    tables = retrieval(tmp_path, reader="squad", path="squad.json", max_queries=10, training_queries=100)
    split = dict(zip(*(tables.queries[column].to_pylist() for column in ("query_id", "split")), strict=True))
    used: dict[str, set[str]] = {"train": set(), "test": set()}
    for row in tables.qrels.to_pylist():
        used[split[row["query_id"]]].add(row["passage_id"])
    assert list(split.values()).count("test") == 10 and used["train"] and not used["train"] & used["test"]
    assert tables.passages.num_rows == 20


PUBMED = {
    "1": {"QUESTION": "Does it help?", "CONTEXTS": ["We tried.", "It did."], "final_decision": "yes"},
    "2": {"QUESTION": "Does it harm?", "CONTEXTS": ["We tried."], "final_decision": "no"},
    "3": {"QUESTION": "Does it heal?", "CONTEXTS": ["We looked."], "final_decision": "yes"},
    "4": {"QUESTION": "Does it hurt?", "CONTEXTS": ["We looked."], "final_decision": "no"},
}


def pubmedqa(project: Path, questions: object, test: object, **source: Any) -> list[dict[str, str]]:
    for name, content in (("ori_pqal.json", questions), ("test_ground_truth.json", test)):
        (project / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    parsed = TypeAdapter[Any](ClassificationSource).validate_python({"reader": "pubmedqa", "path": ".", **source})
    return read_classification(parsed, project / "raw", project).to_pylist()


def test_pubmedqa_has_its_official_test_part(tmp_path: Path) -> None:
    rows = pubmedqa(tmp_path, PUBMED, {"1": "yes", "2": "no"})
    assert rows[0] == {"example_id": "1", "text": "Does it help?\nWe tried.\nIt did.", "label": "yes", "split": "test"}
    assert [row["split"] for row in rows] == ["test", "test", "train", "train"]
    assert pubmedqa(tmp_path, PUBMED, {"1": "yes"}, abstract=False)[0]["text"] == "Does it help?"


@pytest.mark.parametrize(
    ("questions", "test", "message"),
    [
        ("{", {}, "ori_pqal.json: it is not JSON"),
        (PUBMED, {"9": "yes"}, "test_ground_truth.json, '9': is not in ori_pqal.json"),
        (PUBMED, {"1": "no"}, "ori_pqal.json, '1': is 'yes', but 'no' in test_ground_truth.json"),
        ({**PUBMED, "5": {**PUBMED["1"], "final_decision": "perhaps"}}, {}, "'5': final_decision 'perhaps' is not among"),
        ({**PUBMED, "5": {**PUBMED["1"], "QUESTION": ""}}, {}, "'5': 'QUESTION' is empty"),
        ({**PUBMED, "5": {**PUBMED["1"], "CONTEXTS": []}}, {}, "'5': CONTEXTS is not a list of texts"),
    ],
)
def test_bad_pubmedqa_files_are_refused_with_the_place(
    questions: object, test: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        pubmedqa(tmp_path, questions, test)


XML = """<?xml version="1.0"?><Set>
<NLM-QUESTION qid="TQ1"><NLM-Summary>What causes gout?</NLM-Summary></NLM-QUESTION>
<NLM-QUESTION qid="TQ2"><NLM-Summary>What is lupus?</NLM-Summary></NLM-QUESTION></Set>"""
ANSWERS = """AnswerID,Answer
a.txt,"Question: What causes Gout ?
URL: x
Answer: Uric acid."
b.txt,"Question: Q
URL: y
Answer: Rest."
"""
JUDGED = "1 4-Excellent a.txt\n1 1-Incorrect b.txt\n1 2-Related b.txt\n2 1-Incorrect a.txt\n"


def liveqa(project: Path, xml: str = XML, table: str = ANSWERS, judged: str = JUDGED, **source: Any) -> RetrievalTables:
    (project / "questions.xml").write_text(xml, encoding="utf-8")
    with zipfile.ZipFile(project / "judged.zip", "w") as archive:
        archive.writestr("x/answers.csv", table)
        archive.writestr("x/qrels.txt", judged)
        archive.writestr("__MACOSX/x/._qrels.txt", b"\x00\x05\x16")
    return retrieval(project, reader="liveqa", path=".", **source)


def test_liveqa_grades_start_at_0_and_of_two_judgments_the_higher_counts(tmp_path: Path) -> None:
    tables = liveqa(tmp_path)
    assert tables.queries.to_pylist() == [{"query_id": "1", "text": "What causes gout?", "split": "test"}]
    assert sorted(tables.passages["text"].to_pylist()) == ["Rest.", "Uric acid."]
    grades = {row["passage_id"]: row["relevance"] for row in tables.qrels.to_pylist()}
    assert grades == {"a.txt": 3, "b.txt": 1}  # nothing answers the second question, so it is not asked
    with_question = liveqa(tmp_path, text="question_and_answer")
    assert "What causes Gout ?\nUric acid." in with_question.passages["text"].to_pylist()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"xml": "<Set>"}, "questions.xml: it is not XML"),
        ({"xml": "<!DOCTYPE x><Set/>"}, "questions.xml: it declares entities"),
        ({"xml": XML.replace("What is lupus?", "")}, "questions.xml, question 'TQ2': has no NLM-Summary"),
        ({"table": "id,text\n"}, "member x/answers.csv, row 1: the header is not"),
        ({"table": "AnswerID,Answer\na.txt,no answer here\n"}, "answers.csv, row 2: there is no answer after 'Answer:'"),
        ({"judged": "1 excellent a.txt\n"}, "qrels.txt, row 1: it is not a question, a grade"),
        ({"judged": "7 2-Related a.txt\n"}, "qrels.txt, row 1: question '7' is judged, but is not there"),
        ({"judged": "1 2-Related z.txt\n"}, "qrels.txt, row 1: answer 'z.txt' is judged, but is not there"),
        ({"judged": ""}, "judged.zip: there is no judgment in it"),
    ],
)
def test_bad_liveqa_files_are_refused_with_the_place(damage: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        liveqa(tmp_path, **damage)


HEAD = "question,sentence,label\n"
TEST = HEAD + "who?,it was Ann,1\nwho?,it rained,0\nwhen?,in May,1\nwhen?,in June,1\nwhy?,no idea,0\n"
TRAIN = HEAD + "where?,in Rome,1\nwhere?,it rained,0\nwho?,it was Bob,1\n"


@pytest.fixture
def judged_pairs(tmp_path: Path) -> Callable[..., RetrievalTables]:
    def read(test: str = TEST, train: str = TRAIN, **more: Any) -> RetrievalTables:
        (tmp_path / "test.csv").write_text(test)
        (tmp_path / "train.csv").write_text(train)
        splits = {"train": "train.csv", "test": "test.csv"}
        columns = {"query": "question", "passage": "sentence", "relevance": "label"}
        return retrieval(tmp_path, reader="pairs", path=".", splits=splits, **columns, **more)

    return read


def test_candidates_keep_their_judgments_and_one_sided_questions_can_be_left_out(judged_pairs: Callable) -> None:
    tables = judged_pairs(only_mixed=True)
    assert {row["text"]: row["split"] for row in tables.queries.to_pylist()} == {"who?": "test", "where?": "train"}
    names = dict(zip(*(tables.passages[column].to_pylist() for column in ("passage_id", "text")), strict=True))
    asked_who = {
        names[row["passage_id"]]: row["relevance"] for row in tables.qrels.to_pylist() if "q:test" in row["query_id"]
    }
    assert asked_who == {"it was Ann": 1, "it rained": 0}  # the training file's pair of this question is not a candidate
    everything = judged_pairs()
    assert set(everything.queries["text"].to_pylist()) == {"who?", "when?", "where?"}


def test_bad_judgments_are_refused_with_their_row(judged_pairs: Callable) -> None:
    with pytest.raises(DataError, match=r"test.csv, row 3: label 'maybe' is no number"):
        judged_pairs(HEAD + "who?,it was Ann,1\nwho?,it rained,maybe\n")
    with pytest.raises(DataError, match=r"test.csv, row 2: the passage is empty"):
        judged_pairs(HEAD + "who?, ,1\n")
    with pytest.raises(DataError, match=r"train.csv, row 2: the passage is empty"):  # of a test question, so not used
        judged_pairs(train=HEAD + "who?, ,1\n")
    with pytest.raises(DataError, match=r"train.csv, row 2: label 'maybe' is no number"):
        judged_pairs(train=HEAD + "who?,it rained,maybe\n")
    with pytest.raises(DataError, match="no query of the test part has a relevant passage"):
        judged_pairs(HEAD + "who?,it rained,0\n")
