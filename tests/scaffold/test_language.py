"""The language of somebody's texts is found, written down, and held against that of a pretrained model."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from emb_pipeline.readers.description.files import describe_files
from emb_pipeline.scaffold.build import build_use_case
from emb_pipeline.scaffold.language import Language, find_language, sample_texts
from emb_pipeline.scaffold.propose import propose_tasks
from emb_pipeline.tasks.proposal import Named

SENTENCES = {
    "English": [
        "The parcel arrived two days late and the box was damaged.",
        "I like this lamp: it is bright enough to read.",
    ],
    "German": [
        "Das Paket kam zwei Tage zu spät an.",
        "Die Lampe gefällt mir, weil sie zum Lesen hell genug ist.",
    ],
    "French": [
        "Le colis est arrivé avec deux jours de retard.",
        "J'aime cette lampe car elle éclaire assez.",
    ],
    "Turkish": ["Paket iki gün geç geldi ve kutusu hasarlıydı.", "Bu lambayı seviyorum çünkü okumak için yeterince parlak."],
    "Russian": ["Посылка пришла на два дня позже и была повреждена.", "Мне нравится эта лампа, при ней удобно читать."],
    "Arabic": ["وصل الطرد متأخرا يومين وكان الصندوق تالفا.", "أحب هذا المصباح لأنه ساطع بما يكفي للقراءة."],
    "Chinese": ["包裹晚到了两天,而且盒子已经破损了。", "我喜欢这盏灯,因为它足够亮,可以看书。"],
    "Japanese": ["荷物は二日遅れて届き、箱が壊れていました。", "このランプは読書に十分な明るさなので気に入っています。"],
    "Thai": ["พัสดุมาถึงช้าไปสองวันและกล่องก็เสียหาย", "ฉันชอบโคมไฟนี้เพราะสว่างพอสำหรับอ่านหนังสือ"],
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_language_is_found_from_a_few_sentences_and_twice_the_same(name: str) -> None:
    found = find_language(SENTENCES[name] * 20)
    assert found is not None and (found.name, found.n_texts) == (name, 40) and found.share > 0.9
    assert find_language(SENTENCES[name] * 20) == found


def test_numbers_have_no_language_and_a_mixture_is_told() -> None:
    assert find_language(["12 34", "5.6"]) is None and find_language([]) is None
    mixed = [text for name in ("English", "Russian", "Thai", "Chinese") for text in SENTENCES[name] * 20]
    found = find_language(mixed)
    assert found is not None and not found.is_clear and str(found).startswith("not clear, or several; ")
    assert str(Language("Thai", 0.985, 200)) == "Thai (98 % of 200 texts)"


def write_reviews(folder: Path, language: str) -> Path:
    rows = [
        [f"{SENTENCES[language][number % 2]} {number}", f"class {number % 2}", "https://example.org"] for number in range(80)
    ]
    with (folder / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["review", "label", "link"], *rows])
    return folder / "reviews.csv"


@pytest.mark.parametrize(("language", "is_foreign"), [("English", False), ("Thai", True), ("Chinese", True)])
def test_a_model_of_another_language_is_warned_of_in_the_yaml(language: str, is_foreign: bool, tmp_path: Path) -> None:
    files = describe_files([write_reviews(tmp_path, language)], tmp_path)
    proposal = propose_tasks(files, Named(("review",), "label"))[0]
    found = find_language(sample_texts(files, ["review"], tmp_path))
    written = build_use_case("mine", proposal, found).write_files()["globals.yml"]
    assert f"# Language: {language} (100 % of 80 texts)." in written
    assert ("was trained on English: expect little of it" in written) is is_foreign


def test_texts_of_lines_and_of_json_are_sampled_too(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("\n".join(SENTENCES["German"] * 10), encoding="utf-8")
    (tmp_path / "corpus.txt").write_text("\n".join(SENTENCES["Thai"] * 10), encoding="utf-8")
    for name, language in (("notes.txt", "German"), ("corpus.txt", "Thai")):
        files = describe_files([tmp_path / name], tmp_path)
        found = find_language(sample_texts(files, [], tmp_path))
        assert found is not None and found.name == language
