"""The page is whole, safe, reachable by keyboard and says what its tables say."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.reporting.sections.background.audit import audit_state
from emb_pipeline.reporting.sections.effects.derived import plot_corruption
from emb_pipeline.reporting.tables import empty_table
from emb_pipeline.tasks.classification.audit import audit_classification
from emb_pipeline.tasks.extractive_qa.audit import audit_extractive_qa
from emb_pipeline.tasks.retrieval.audit import audit_retrieval
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.sequence_labeling.audit import audit_sequence_labeling
from emb_pipeline.tasks.similarity.audit import audit_similarity
from emb_pipeline.tasks.token_classification.audit import audit_token_classification
from tests.reporting.conftest import TOPIC, Tables, audit, comparisons, leaderboard, report_page, word_map
from tests.reporting.test_figures import contrast


def classification_audit() -> pa.Table:
    """A test text that is trained on, and a text of two labels."""
    rows = [
        ("a b c", "x", "train"),
        ("d e f", "y", "train"),
        ("a b c", "x", "test"),
        ("g h", "x", "test"),
        ("g h", "y", "test"),
    ]
    ids = [f"labels.csv:{row}" for row in range(2, 7)]
    columns = dict(zip(("text", "label", "split"), map(list, zip(*rows, strict=True)), strict=True))
    return audit_classification(pa.table({"example_id": ids, **columns}))


def retrieval_audit() -> pa.Table:
    """A query that nothing answers, and a passage that stands there twice."""
    return audit_retrieval(
        RetrievalTables(
            queries=pa.table({"query_id": ["q1", "q2"], "text": ["one", "two"]}),
            passages=pa.table({"passage_id": ["p1", "p2"], "text": ["one and all", "One and all."]}),
            qrels=pa.table({"query_id": ["q1"], "passage_id": ["p1"], "relevance": [1]}),
        )
    )


def similarity_audit() -> pa.Table:
    """A pair of two scores."""
    pairs = {"pair_id": ["1", "2", "3"], "text_a": ["a", "a", "b"], "text_b": ["b", "b", "c"], "score": [1.0, 2.0, 3.0]}
    return audit_similarity(pa.table(pairs))


def tagging_audit() -> pa.Table:
    """A test sentence that is trained on, with other tags."""
    tokens = [["Aspirin", "helps"], ["Pain", "hurts"], ["Aspirin", "helps"]]
    tags = [["B-Drug", "O"], ["B-Pain", "O"], ["O", "O"]]
    table = {"example_id": ["1", "2", "3"], "tokens": tokens, "tags": tags, "split": ["train", "train", "test"]}
    return audit_sequence_labeling(pa.table(table))


def words_audit() -> pa.Table:
    """The same with tags of words; one of the test part's is not trained."""
    tokens = [["Aspirin", "helps"], ["Pain", "hurts"], ["Aspirin", "helps"]]
    tags = [["PROPN", "VERB"], ["NOUN", "VERB"], ["X", "VERB"]]
    table = {"example_id": ["1", "2", "3"], "tokens": tokens, "tags": tags, "split": ["train", "train", "test"]}
    return audit_token_classification(pa.table(table))


def extractive_audit() -> pa.Table:
    """A question that stands there twice."""
    table = {"example_id": ["1", "2"], "text": ["Who?", "who"], "context": ["Ann ran.", "Bo ran."]}
    answers = {"answers": [["Ann"], ["Bo"]], "answer_starts": [[0], [0]], "split": ["train", "test"]}
    return audit_extractive_qa(pa.table({**table, **answers}))


AUDITS = {
    "classification": classification_audit,
    "retrieval": retrieval_audit,
    "similarity": similarity_audit,
    "sequence_labeling": tagging_audit,
    "token_classification": words_audit,
    "extractive_qa": extractive_audit,
}
FAULTS: dict[str, set[str]] = {
    "classification": {"leakage", "label_conflicts"},
    "retrieval": set(),
    "similarity": {"score_conflicts"},
    "sequence_labeling": {"leakage", "tag_conflicts"},
    "token_classification": {"leakage", "tag_conflicts"},
    "extractive_qa": set(),
}
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Elements, texts and problems of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.figures: dict[str, str] = {}
        self.words: list[str] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.figures[str(attributes["id"])] = data
        elif tag not in ("script", "style"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split()).replace("\u202f", " ")


@pytest.fixture
def page(tables: Tables) -> Page:
    return Page(report_page(**tables))


@pytest.mark.slow
def test_nothing_is_loaded_from_anywhere(tables: Tables) -> None:
    html = report_page(**tables)
    page = Page(html)
    assert not [each for each in page.all("script") if "src" in each]
    assert [each["href"] for each in page.all("link")] == ["data:,"]
    assert not page.all("img") + page.all("iframe") + page.all("object")
    assert all(str(each["href"]).startswith("#") for each in page.all("a"))
    assert not re.search(r"@import|url\(", html[html.index("<style>") : html.index("</style>")])
    policy = next(str(each["content"]) for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "http" not in policy


@pytest.mark.slow
def test_tasks_stand_in_the_order_of_the_experiment(tables: Tables) -> None:
    tables["run"]["tasks"] = {"search": {}, "topic": {}}
    page = Page(report_page(**tables))
    assert page.text.index("search retrieval") < page.text.index("topic classification")


@pytest.mark.slow
def test_plotly_is_in_the_page_once(tables: Tables) -> None:
    assert len(re.findall(r"plotly\.js \(basic - minified\) v\d", report_page(**tables))) == 1


@pytest.mark.slow
def test_values_intervals_and_letters_of_every_embedding_are_there(page: Page) -> None:
    for embedding in TOPIC:
        assert embedding in page.text
    assert "75.6 % [74.1, 77.1]" in page.text
    assert "0.471 [0.456, 0.486]" in page.text
    assert "−15.5 [−16.5, −14.5]" in page.text


@pytest.mark.slow
def test_headings_come_in_order_under_one_title(page: Page) -> None:
    assert page.headings.count(1) == 1 and page.headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))


@pytest.mark.slow
def test_identifiers_are_unique_and_links_lead_somewhere(page: Page) -> None:
    identifiers = [each["id"] for _, each in page.elements if "id" in each]
    assert len(identifiers) == len(set(identifiers))
    assert {str(each["href"])[1:] for each in page.all("a")} <= set(identifiers)


@pytest.mark.slow
def test_tables_have_captions_and_scopes_and_can_be_scrolled_by_keyboard(page: Page) -> None:
    assert len(page.all("caption")) == len(page.all("table")) > 4
    assert all(each.get("scope") in ("col", "row") for each in page.all("th"))
    regions = [each for each in page.all("div") if each.get("class") == "scroll"]
    assert len(regions) == len(page.all("table"))
    assert all(each.get("tabindex") == "0" and each.get("aria-label") for each in regions)


@pytest.mark.slow
def test_every_figure_is_described_and_holds_its_data(page: Page) -> None:
    plots = [each for each in page.all("div") if each.get("class") == "plot"]
    assert (
        len(plots) == 2 + 2 + 2 + 1 + 2 + 1 + 4
    )  # answers, leaderboards, origins by task and at once, methods, dimensions, costs
    for plot in plots:
        assert plot["role"] == "img" and plot["aria-label"]
        assert json.loads(page.figures[f"{plot['id']}-data"])["data"]


@pytest.mark.slow
def test_a_map_says_what_may_be_read_from_it_and_what_was_done_to_its_second_panel(tables: Tables) -> None:
    checks = [{"embedding": "domain.w_8", "check": "shape", "item": "hubs", "value": 0.5, "known": 9, "total": 9}]
    diagnosis = {
        "checks": pd.DataFrame([{**each, **dict.fromkeys(("ci_low", "ci_high", "p"), float("nan"))} for each in checks]),
        "neighbors": pd.DataFrame(columns=["embedding", "word", "rank", "neighbor", "probe"]).astype({"probe": bool}),
        "overlaps": empty_table("overlaps"),
    }
    both = word_map("domain.w_8", "generic.w_8").iloc[:-1]
    page = Page(report_page(**tables, **diagnosis, word_map=both))
    assert "8 words, placed by t-SNE" in page.text and "far means little" in page.text
    assert "Of a word’s ten nearest, 40.0 % and 40.0 % are" in page.text
    assert (
        "The second panel is turned and mirrored onto the first by the words in common (7), and not stretched." in page.text
    )
    assert len(json.loads(page.figures["figure-word-map-data"])["data"]) == 6
    alone = Page(report_page(**tables, **diagnosis, word_map=word_map("domain.w_8")))
    assert "placed by t-SNE" in alone.text and "turned and mirrored" not in alone.text
    assert "t-SNE" not in Page(report_page(**tables, **diagnosis, word_map=word_map())).text


@pytest.mark.slow
def test_a_language_a_skip_link_and_a_viewport_are_set(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("a")[0] == {"class": "skip", "href": "#answer"}
    assert any(each.get("name") == "viewport" for each in page.all("meta"))


@pytest.mark.slow
def test_markup_in_names_stays_text(tables: Tables) -> None:
    evil = "</script><script>alert(1)</script>"
    values = {f"domain.{evil}_50": 0.7, f"domain.{evil}_100": 0.8, "control.random_50": 0.1}
    tables["leaderboard"] = leaderboard(values, task=evil)
    tables["comparisons"] = comparisons(values, task=evil)
    tables["audit"] = tables["audit"].assign(scope=evil, check=evil, note=evil, examples=[[evil]] * len(tables["audit"]))
    tables["corpora"] = tables["corpora"].assign(corpus=evil, fingerprint=evil)
    tables["embeddings"] = tables["embeddings"].assign(embedding=evil, origin=evil)
    tables["run"] |= dict.fromkeys(("use_case", "git_commit", "command", "kedro_run_id", "created"), evil)
    tables["run"] |= {"methods": {evil: evil}, "versions": {evil: evil}, "tasks": {evil: {"definition": evil}}}
    other = leaderboard(values, task=evil)
    other = other[~other["primary"]].assign(metric=f"f1_{evil}")  # a type of entity that a user has named
    tables["leaderboard"] = pd.concat([tables["leaderboard"], other])
    names = {"embedding": f"domain.{evil}_50", "check": "similarity", "item": evil}
    checks = pd.DataFrame([{**names, "value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "p": 0.1, "known": 3, "total": 4}])
    near = pd.DataFrame([{"embedding": f"domain.{evil}_50", "word": evil, "rank": 1, "neighbor": evil, "probe": True}])
    overlaps = empty_table("overlaps")
    choice = {
        "task": evil,
        "metric": "accuracy",
        "embedding": f"domain.{evil}_50",
        "value": 0.7,
        "best": f"domain.{evil}_50",
    }
    choice |= {"standing": "shown", "floor": evil, "p_floor": 0.5, "labels_note": evil, "n": 9}
    choice |= {"difference_to_best": 0.0, "bound": 0.0, "margin": 0.01, "non_inferior": True, "fits": True, "exceeds": ""}
    choice |= {"chosen": True, "tie": False, "bytes_per_item": 4.0, "languages": evil}
    out = {**choice, "embedding": evil, "value": 0.9, "fits": False, "exceeds": evil, "chosen": False}
    html = report_page(
        **tables,
        checks=checks,
        neighbors=near,
        overlaps=overlaps,
        decision=pd.DataFrame([choice, out]),
        relaxations=pd.DataFrame([], columns=["task", "budget", "limit", "needed", "embedding", "chosen", "binds"]),
    )
    assert "<script>alert" not in html
    assert Page(html).text.count("<script>alert(1)") > 30


@pytest.mark.slow
def test_the_row_number_of_an_example_is_not_cut_off(tables: Tables) -> None:
    place = "data/01_raw/a_use_case_with_a_long_name/a_folder/and_a_file_with_a_long_name.csv:123456"
    tables["audit"] = tables["audit"].assign(
        examples=[["labels_of_the_whole_year_2025.csv:17", place]] * len(tables["audit"])
    )
    html = report_page(**tables)
    assert ">labels_of_the_whole_year_2025.csv:17<" in html
    assert ">data/01_raw/a_use_c…r/and_a_file_with_a_long_name.csv:123456<" in html and f'title="{place}"' in html


@pytest.mark.slow
def test_a_class_called_ceiling_is_no_ceiling(tables: Tables) -> None:
    """The lines of single classes come before the line of the ceiling."""
    sound = audit(
        ("class.ceiling", 3, 300), ("class.largest_class", 3, 300), ("ceiling", 300, 300), ("largest_class", 60, 300)
    )
    tables["audit"] = sound.assign(severity=["size", "size", "ceiling", "size"])
    tables["leaderboard"] = tables["leaderboard"][tables["leaderboard"]["task"] == "topic"]
    assert "ceiling" not in Page(report_page(**tables)).text.split("Data audit")[0].split("The answer")[-1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", AUDITS)
def test_every_line_of_an_audit_reads_on_the_page_as_its_severity_says(kind: str, tables: Tables) -> None:
    """Sizes are facts; what is marked as serious are faults that the data really have."""
    lines = AUDITS[kind]().to_pandas()
    tables["audit"] = lines.assign(scope="topic")
    states = dict(zip(lines["check"], (audit_state(row) for row in lines.to_dict("records")), strict=True))
    for row in lines.to_dict("records"):
        allowed = {"size": {"fact"}, "ceiling": {"ceiling", "clean"}, "warning": {"minor", "clean"}}
        assert states[row["check"]] in allowed.get(row["severity"], {"serious", "minor", "clean"}), row["check"]
    serious = {check for check, state in states.items() if state == "serious"}
    assert serious == FAULTS[kind]
    marked = [each for each in Page(report_page(**tables)).all("tr") if each.get("class") == "serious"]
    assert len(marked) == len(serious)


@pytest.mark.slow
def test_a_password_in_the_tracking_address_is_not_shown(tables: Tables) -> None:
    html = report_page(**tables)
    assert "secret" not in html and "postgresql://***@tracking/db" in html


@pytest.mark.slow
def test_flagged_audit_lines_stand_out_and_clean_ones_are_named_together(page: Page) -> None:
    assert len([each for each in page.all("tr") if each.get("class") == "serious"]) == 1
    assert "These checks found nothing: near duplicates overlap with domain" in page.text
    assert "class.heart" not in page.text


@pytest.mark.parametrize(
    ("severity", "count", "share", "state"),
    [
        ("fault", 12, 0.04, "serious"),
        ("fault", 1, 0.001, "minor"),
        ("fault", 0, 0.0, "clean"),
        ("fault", 0, float("nan"), "clean"),
        ("warning", 12, 0.04, "minor"),
        ("warning", 0, 0.0, "clean"),
        ("ceiling", 99, 0.99, "ceiling"),
        ("ceiling", 100, 1.0, "clean"),
        ("size", 50, 0.5, "fact"),
    ],
)
def test_audit_lines_are_read_by_their_severity(severity: str, count: int, share: float, state: str) -> None:
    assert audit_state({"severity": severity, "count": count, "share": share}) == state


@pytest.mark.slow
def test_corpora_of_different_size_are_a_warning(tables: Tables) -> None:
    assert "mixes what the text is about" not in Page(report_page(**tables)).text
    tables["corpora"].loc[0, "tokens"] = 40_000
    assert "so their effect mixes content with amount" in Page(report_page(**tables)).text


@pytest.mark.slow
def test_a_run_can_be_repeated_from_the_page(page: Page) -> None:
    for part in (
        "git checkout 0123456789abcdef",
        "kedro run --env tiny",
        "python 3.11.9",
        "feed",
        "cafe",
        "reader: csv; text: title, body",
    ):
        assert part in page.text


@pytest.mark.slow
def test_levels_of_corruption_stand_where_corrupted_text_does_and_nowhere_else(tables: Tables) -> None:
    effect = {"task": "topic", "metric": "accuracy", "origin": "domain", "embedding_b": "domain.word2vec_100", "n": 300}
    effect |= {"value_a": 0.7, "value_b": 0.75, "difference": -0.05, "ci_low": -0.06, "ci_high": -0.04}
    effect |= {"p": 0.001, "p_adjusted": 0.001}
    rows = [
        {
            **effect,
            "factor": factor,
            "embedding_a": f"domain.word2vec_100_{name}",
            "corruption": corruption,
            "corruption_level": level,
        }
        for factor, name, corruption, level in (
            ("corruption", "worse", "typos", 0.3),
            ("reduction", "typos_30", None, None),
        )
    ]
    derived = pd.DataFrame(rows)
    drawn = {"topic_corruption": plot_corruption(derived[derived["factor"] == "corruption"], "topic")}
    for given in ({}, drawn):
        page = Page(report_page(**tables, effects=derived, drawn=given))
        assert [name for name in page.figures if "corruption" in name] == ["figure-corruption-topic-data"]


@pytest.mark.slow
def test_a_page_is_written_from_a_leaderboard_alone(tables: Tables) -> None:
    only = tables["leaderboard"]
    only = only[(only["task"] == "topic") & only["origin"].isin(["task", "domain"])]
    none = pd.DataFrame()
    page = Page(
        report_page(
            run={"use_case": "tiny"},
            leaderboard=only,
            comparisons=none,
            origins=none,
            audit=none,
            embeddings=none,
            corpora=none,
        )
    )
    assert "TF-IDF scores highest" in page.text
    assert "No embedding was trained on generic text" in page.text
    assert "The data were not audited" in page.text


@pytest.mark.slow
def test_metrics_and_costs_may_be_missing(tables: Tables) -> None:
    board = tables["leaderboard"].reset_index(drop=True)
    board = board.drop(index=board[(board["embedding"] == "task.tfidf") & ~board["primary"]].index)
    costs = ["train_seconds", "encode_seconds", "fit_seconds", "bytes_per_item"]
    board.loc[board["embedding"] == "domain.word2vec_100", costs] = float("nan")
    board.loc[board["embedding"] == "domain.word2vec_50", ["ci_low", "ci_high"]] = float("nan")
    tables["leaderboard"] = board
    text = Page(report_page(**tables)).text
    assert "nan" not in text.lower().split() and "None" not in text.split()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [0, 1])
def test_text_is_readable_on_its_background(scheme: int, tables: Tables) -> None:
    style = re.findall(r":root \{(.*?)\}", report_page(**tables), re.DOTALL)[scheme]
    colors = dict(re.findall(r"(--[\w-]+): (#\w{6})", style))
    for text in ("--text", "--soft", "--link"):
        for background in ("--page", "--tint", "--lead"):
            assert contrast(colors[text], colors[background]) >= 4.5, (text, background)
    assert contrast(colors["--warn-text"], colors["--warn"]) >= 4.5
    assert contrast(colors["--soft"], colors["--warn"]) >= 4.5


@pytest.mark.slow
def test_scores_without_seen_texts_stand_beside_those_on_all(tables: Tables) -> None:
    task = str(tables["audit"]["scope"].iloc[0])
    rows = [
        {
            "task": task,
            "metric": "accuracy",
            "embedding": "task.tfidf",
            "n": 200,
            "n_seen": 50,
            "value": 0.9,
            "value_unseen": 0.8,
            "ci_low": 0.75,
            "ci_high": 0.85,
            "difference": 0.1,
        }
    ]
    text = Page(report_page(**tables, without_seen=pd.DataFrame(rows))).text
    assert "50 of 200 test units (25.0 %) have a text that was seen in training" in text
    assert "task.tfidf 90.0 % 80.0 % [75.0 %, 85.0 %] +10.0" in text
