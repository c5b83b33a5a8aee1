"""Files as people bring them, fabricated: each function writes one layout into a folder, and gives what is to be named."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = {
    "kitchen": "kettle toaster pan knife oven steel cordless blade whisk ladle".split(),
    "garden": "rake hose spade mower soil cordless seed hedge shovel fence".split(),
    "office": "desk chair stapler paper lamp steel drawer pen folder printer".split(),
}
TOPICS = list(WORDS)


def write_title(draw: random.Random, topic: str, n_words: int = 6) -> str:
    return " ".join(draw.choices(WORDS[topic], k=n_words))


def list_labeled(n_rows: int = 120) -> list[tuple[str, str]]:
    draw = random.Random(5)
    topics = [TOPICS[number % 3] for number in range(n_rows)]
    return [(f"{write_title(draw, topic)} {number}", topic) for number, topic in enumerate(topics)]


def write_csv(path: Path, header: Sequence[str] | None, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([*([header] if header else []), *rows])
    return path


def table_with_an_index(folder: Path) -> list[Path]:
    rows = [(number, text, label, number % 5) for number, (text, label) in enumerate(list_labeled())]
    return [write_csv(folder / "products.csv", ["", "title", "category", "stars"], rows)]


def semicolons_of_windows(folder: Path) -> list[Path]:
    rows = [f"{text} d’été;{label}" for text, label in list_labeled()]
    (folder / "produits.csv").write_bytes("\r\n".join(["texte;label", *rows]).encode("cp1252"))
    return [folder / "produits.csv"]


def no_header(folder: Path) -> list[Path]:
    return [write_csv(folder / "products.tsv", None, [(label, text) for text, label in list_labeled()], "\t")]


def parts_in_files(folder: Path) -> list[Path]:
    rows = list_labeled()
    write_csv(folder / "productsTrain.csv", ["title", "category"], rows[:80])
    write_csv(folder / "productsTest.csv", ["title", "category"], rows[80:])
    return [folder]


def split_column(folder: Path) -> list[Path]:
    rows = [
        {"review": text, "sentiment": label, "part": "test" if n % 4 == 0 else "train"}
        for n, (text, label) in enumerate(list_labeled())
    ]
    (folder / "reviews.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return [folder / "reviews.jsonl.gz"]


def parquet_table(folder: Path) -> list[Path]:
    texts, labels = zip(*list_labeled(), strict=True)
    pq.write_table(pa.table({"text": texts, "label": labels}), folder / "products.parquet")
    return [folder / "products.parquet"]


def list_label_sets() -> list[tuple[str, list[str]]]:
    draw = random.Random(6)
    sets = [[topic for topic in TOPICS if draw.random() < 0.5] for _ in range(120)]
    return [
        (" ".join([*(write_title(draw, topic, 3) for topic in topics), f"item number {number}"]), topics)
        for number, topics in enumerate(sets)
    ]


def labels_in_lists(folder: Path) -> list[Path]:
    rows = [{"id": number, "text": text, "topics": topics} for number, (text, topics) in enumerate(list_label_sets())]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [folder / "items.jsonl"]


def labels_with_a_separator(folder: Path) -> list[Path]:
    rows = [(text, "; ".join(topics)) for text, topics in list_label_sets()]
    return [write_csv(folder / "items.csv", ["title", "tags"], rows)]


def a_column_for_each_label(folder: Path) -> list[Path]:
    rows = [(text, *(int(topic in topics) for topic in TOPICS)) for text, topics in list_label_sets()]
    return [write_csv(folder / "items.csv", ["title", *TOPICS], rows)]


def towns_as_classes(folder: Path) -> list[Path]:
    town_of = dict(zip(TOPICS, ("Paris, France", "Rome, Italy", "Nice, France"), strict=True))
    return [write_csv(folder / "items.csv", ["title", "town"], [(text, town_of[label]) for text, label in list_labeled()])]


def gaps_and_rare_classes(folder: Path) -> list[Path]:
    rows = [*list_labeled(), ("", "kitchen"), ("a chair of no class", ""), ("a single boat", "harbor")]
    return [write_csv(folder / "products.csv", ["text", "label"], rows)]


def folders_of_classes(folder: Path) -> list[Path]:
    for number, (text, label) in enumerate(list_labeled()):
        path = folder / "shop" / ("test" if number % 4 == 0 else "train") / label / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [folder / "shop"]


def labels_first(folder: Path) -> list[Path]:
    (folder / "products.all").write_text("\n".join(f"{label} {text}" for text, label in list_labeled()))
    return [folder / "products.all"]


def labels_of_fasttext(folder: Path) -> list[Path]:
    (folder / "products.txt").write_text("\n".join(f"__label__{label} {text}" for text, label in list_labeled()))
    return [folder / "products.txt"]


def scored_pairs(folder: Path) -> list[Path]:
    draw = random.Random(3)
    rows = []
    for number in range(60):
        one, other = draw.choices(TOPICS, k=2)
        rows.append((number, write_title(draw, one), write_title(draw, other), int(one == other) * 4 + draw.random()))
    return [write_csv(folder / "pairs.csv", ["pair", "sentence1", "sentence2", "score"], rows)]


def judged_pairs(folder: Path) -> list[Path]:
    draw = random.Random(4)
    for name, n_rows in (("train", 80), ("test", 40)):
        pairs = [draw.choices(TOPICS, k=2) for _ in range(n_rows)]
        rows = [(write_title(draw, one), write_title(draw, other), int(one == other)) for one, other in pairs]
        write_csv(folder / f"questions-{name}.csv", ["question1", "question2", "is_duplicate"], rows)
    return [folder]


def prices(folder: Path) -> list[Path]:
    draw = random.Random(6)
    rows = [
        (f"{text} {number}", 10 + 50 * TOPICS.index(topic) + draw.random())
        for number, (text, topic) in enumerate(list_labeled())
    ]
    return [write_csv(folder / "offers.csv", ["title", "price"], rows)]


def orders(folder: Path) -> list[Path]:
    draw = random.Random(11)
    rows = []
    for number in range(200):
        brand, country = draw.choice("ABCDEF"), draw.choice(["FR", "IT", "", "DE"])
        returned = "yes" if (brand in "ABC") ^ (draw.random() < 0.1) else "no"
        rows.append((f"o-{number}", brand, country, round(draw.uniform(5, 90), 2), draw.randint(1, 4), "EUR", returned))
    header = ["order", "brand", "country", "price", "pieces", "currency", "class"]
    return [write_csv(folder / "orders.csv", header, rows)]


def reviews_with_columns(folder: Path) -> list[Path]:
    draw = random.Random(12)
    rows = [
        (number, f"2026-11-{draw.randint(1, 28):02}", text, draw.choice(["web", "shop"]), draw.randint(18, 80), label)
        for number, (text, label) in enumerate(list_labeled())
    ]
    return [write_csv(folder / "reviews.csv", ["id", "day", "review", "channel", "age", "category"], rows)]


def clusters(folder: Path) -> list[Path]:
    return [write_csv(folder / "products.csv", ["title", "cluster"], list_labeled())]


def tagged_lines(folder: Path) -> list[Path]:
    draw = random.Random(2)
    for name, n_sentences in (("train.conll", 60), ("test.conll", 30)):
        sentences = []
        for _ in range(n_sentences):
            tool, other = draw.choices(WORDS["garden"], k=2)
            tagged = [("a", "O"), (tool, "B-TOOL"), ("and", "O"), (other, "B-TOOL"), (f"no{draw.randint(0, 999)}", "O")]
            sentences.append("\n".join(f"{word} {tag}" for word, tag in tagged))
        (folder / name).write_text("\n\n".join(sentences) + "\n\n")
    return [folder]


def treebank(folder: Path) -> list[Path]:
    draw = random.Random(10)
    for name, n_sentences in (("en-ud-train.conllu", 60), ("en-ud-test.conllu", 30)):
        sentences = []
        for number in range(n_sentences):
            tool, other = draw.choices(WORDS["garden"], k=2)
            tagged = [("a", "DET"), (tool, "NOUN"), ("and", "CCONJ"), (other, "NOUN"), (f"no{draw.randint(0, 999)}", "NUM")]
            rows = [f"{n}\t{word}\t_\t{tag}\t_\t_\t0\troot\t_\t_" for n, (word, tag) in enumerate(tagged, 1)]
            sentences.append("\n".join([f"# newdoc id = {number}", f"# text = {tool}", *rows]))
        (folder / name).write_text("\n\n".join(sentences) + "\n\n")
    return [folder]


def lists_of_tags(folder: Path) -> list[Path]:
    draw = random.Random(2)
    rows = []
    for number in range(90):
        tool = draw.choice(WORDS["garden"])
        rows.append(
            {
                "id": number,
                "words": ["a", tool, f"no{number}"],
                "ner_tags": ["O", "B-TOOL", "O"],
                "split": "test" if number % 3 == 0 else "train",
            }
        )
    (folder / "tools.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return [folder / "tools.jsonl"]


def three_tables(folder: Path) -> list[Path]:
    draw = random.Random(4)
    passages = [(f"p{number}", write_title(draw, TOPICS[number % 3], 12) + f" {number}") for number in range(60)]
    queries = [(f"q{number}", " ".join(text.split()[:3]) + f" {number}") for number, (_, text) in enumerate(passages[:30])]
    write_csv(folder / "queries.csv", ["query_id", "text"], queries)
    write_csv(folder / "passages.csv", ["passage_id", "text"], passages)
    write_csv(folder / "judged.csv", ["query_id", "passage_id", "relevance"], [(f"q{n}", f"p{n}", 1) for n in range(30)])
    return [folder / "passages.csv", folder / "judged.csv", folder / "queries.csv"]


def benchmark(folder: Path) -> list[Path]:
    three_tables(folder / "tables")
    tables = {name: list(csv.DictReader((folder / "tables" / f"{name}.csv").open())) for name in ("queries", "passages")}
    place = folder / "mine"
    (place / "qrels").mkdir(parents=True)
    for name, table, key in (("queries", "queries", "query_id"), ("corpus", "passages", "passage_id")):
        rows = [json.dumps({"_id": row[key], "title": "", "text": row["text"]}) for row in tables[table]]
        (place / f"{name}.jsonl").write_text("\n".join(rows))
    lines = ["query-id\tcorpus-id\tscore", *(f"q{number}\tp{number}\t1" for number in range(30))]
    (place / "qrels" / "test.tsv").write_text("\n".join(lines))
    return [place]


def questions_and_answers(folder: Path) -> list[Path]:
    draw = random.Random(6)
    rows = [
        (f"where is {write_title(draw, topic, 3)} {n}", write_title(draw, topic, 20) + f" {n}")
        for n in range(40)
        for topic in TOPICS
    ]
    return [write_csv(folder / "faq.csv", ["question", "answer"], rows)]


def documents(folder: Path) -> list[Path]:
    draw = random.Random(7)
    (folder / "guides").mkdir(parents=True)
    for number in range(30):
        topic = TOPICS[number % 3]
        parts = [f"# The {write_title(draw, topic, 3)} {number}\n\n{write_title(draw, topic, 30)}\n"]
        parts += [
            f"## {write_title(draw, topic, 3)} {number} {part}\n\n{write_title(draw, topic, 30)} {part}\n"
            for part in range(2)
        ]
        (folder / "guides" / f"{number}.md").write_text("\n".join(parts))
    return [folder / "guides"]


def interactions(folder: Path) -> list[Path]:
    draw = random.Random(8)
    items = [(number, write_title(draw, TOPICS[number % 3], 4), "new") for number in range(36)]
    rows = []
    for user in range(60):
        own = [number for number, *_ in items if number % 3 == user % 3]
        rows += [
            (user, item, draw.choice([1, 4, 5, 4, 5, 4, 5]), 1_600_000_000 + 1000 * n + user)
            for n, item in enumerate(draw.sample(own, k=12))
        ]
    write_csv(folder / "ratings.csv", ["userId", "movieId", "rating", "timestamp"], rows)
    write_csv(folder / "movies.csv", ["movieId", "title", "state"], items)
    return [folder / "ratings.csv", folder / "movies.csv"]


def takes_without_time(folder: Path) -> list[Path]:
    (ratings, _) = interactions(folder)
    rows = [(row["userId"], row["movieId"]) for row in csv.DictReader(ratings.open())]
    return [write_csv(folder / "orders.csv", ["customer_id", "product_id"], rows)]


def answered_questions(folder: Path) -> list[Path]:
    draw = random.Random(9)
    articles = []
    for number in range(24):
        words = write_title(draw, TOPICS[number % 3], 14).split()
        context = " ".join([*words, f"number{number}"])
        asked = [
            {
                "id": f"{number}-{n}",
                "question": f"what is after {words[n]} in {number}",
                "answers": [{"text": words[n + 1], "answer_start": len(" ".join(words[: n + 1])) + 1}],
            }
            for n in (1, 5)
        ]
        articles.append({"title": f"a{number}", "paragraphs": [{"context": context, "qas": asked}]})
    (folder / "squad.json").write_text(json.dumps({"version": "1.1", "data": articles}))
    return [folder / "squad.json"]


LAYOUTS: dict[Callable[[Path], list[Path]], str] = {
    labels_in_lists: "multi_label",
    labels_with_a_separator: "multi_label",
    a_column_for_each_label: "multi_label",
    towns_as_classes: "classification",
    table_with_an_index: "classification",
    semicolons_of_windows: "classification",
    no_header: "classification",
    parts_in_files: "classification",
    split_column: "classification",
    parquet_table: "classification",
    gaps_and_rare_classes: "classification",
    orders: "classification",
    reviews_with_columns: "classification",
    clusters: "clustering",
    folders_of_classes: "classification",
    labels_first: "classification",
    labels_of_fasttext: "classification",
    scored_pairs: "similarity",
    judged_pairs: "pair_classification",
    prices: "regression",
    tagged_lines: "sequence_labeling",
    lists_of_tags: "sequence_labeling",
    treebank: "token_classification",
    three_tables: "retrieval",
    benchmark: "retrieval",
    questions_and_answers: "retrieval",
    documents: "retrieval",
    interactions: "recommendation",
    takes_without_time: "recommendation",
    answered_questions: "extractive_qa",
}
"""Each layout with the kind of task that it is."""
