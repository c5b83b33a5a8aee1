"""Knowledge of word vectors by themselves."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.diagnostics.tables import PIP_LOSS
from emb_pipeline.reporting.findings import Finding, code, embedding
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.sections.background.word_map import show_word_map
from emb_pipeline.reporting.tables import OTHER_CORPUS, SAMPLE, SAMPLES, SEED
from emb_pipeline.reporting.wording import (
    pluralize,
    write_count,
    write_share,
)

DIFFERENCES = {
    SEED: "another seed",
    SAMPLE: "another sample of the corpus",
    SAMPLES: "two samples, with each other",
    OTHER_CORPUS: "the other corpus",
}
SHARES = {"analogies", "synonyms", "known words"}
TITLES = {
    "similarity": "similarity as people see it, Spearman’s ρ",
    "analogies": "analogies solved",
    "antonyms": "opposites",
    "synonyms": "synonyms",
    "bias": "association (WEAT effect size)",
    "shape": "shape of the cloud",
    "known words": "words of the test texts that have a vector",
}


def view(report: Report) -> dict[str, Any] | None:
    """Show what word vectors know, the neighbors of some words, and their map."""
    tables = report.tables
    shown = show_diagnosis(
        tables.checks,
        tables.neighbors,
        tables.overlaps,
        _find_training_tokens(tables.embeddings),
        _find_trained_on_less_text(tables.embeddings),
    )
    if shown is None:
        return None
    embeddings = pluralize(tables.checks["embedding"].nunique(), "embedding")
    return {**shown, "word_map": show_word_map(report), "folded": f"Word vectors of {embeddings}, before any task"}


def _find_training_tokens(embeddings: pd.DataFrame) -> dict[str, float]:
    known = embeddings if embeddings.empty else embeddings[embeddings["corpus_tokens"].notna()]
    return {} if known.empty else dict(zip(known["embedding"], known["corpus_tokens"].astype(float), strict=True))


def _find_trained_on_less_text(embeddings: pd.DataFrame) -> dict[str, list[str]]:
    """Find the copies of each embedding that were trained on a part of its text."""
    if embeddings.empty:
        return {}
    parts = embeddings[embeddings["corruption"] == "less_text"]
    return {str(base): list(rows["embedding"]) for base, rows in parts.groupby("base", sort=False)}


def show_diagnosis(
    checks: pd.DataFrame,
    neighbors: pd.DataFrame,
    overlaps: pd.DataFrame,
    tokens: Mapping[str, float] | None = None,
    shorter: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any] | None:
    """Gather all that the section shows; None where no word vectors were looked at.

    Parameters
    ----------
    checks : DataFrame of embedding, origin, check, item, value, ci_low, ci_high, p, known, total
        One row per embedding and question.
    neighbors : DataFrame of embedding, origin, key, word, rank, neighbor, cosine, probe
        Nearest words of the probe words, and of a sample that embeddings are compared by.
    overlaps : DataFrame of first, second, shared, words, differs_in, of, origin, key
        Share of these neighbours that an embedding has in common with its other seeds, with those that were trained on
        resamples of its corpus, and with the other corpus's; and that two such resamples have in common.
    tokens : mapping of str to float, optional
        How many tokens each embedding was trained on.
    shorter : mapping of str to sequence of str, optional
        The embeddings that were trained like this one on a part of its text.
    """
    if checks.empty:
        return None
    origin_of = dict(zip(checks["embedding"], checks["origin"], strict=True))
    checks = checks[checks["check"] != PIP_LOSS]  # is next to the scores of the sizes
    return {
        "findings": [
            *_describe_antonyms(checks),
            *_describe_antonyms_by_tokens(checks, tokens or {}, shorter or {}),
            *_describe_stability(overlaps),
        ],
        "groups": [
            *(_group(check, checks[checks["check"] == check], origin_of) for check in dict.fromkeys(checks["check"])),
            *([_build_stability_group(overlaps)] if len(overlaps) else []),
        ],
        "probes": _show_probes(neighbors[neighbors["probe"]]),
    }


def _group(check: str, rows: pd.DataFrame, origin_of: Mapping[str, str]) -> dict[str, Any]:
    items = list(dict.fromkeys(rows["item"]))
    of = {(row["embedding"], row["item"]): row for row in rows.to_dict("records")}
    return {
        "title": TITLES.get(check, check),
        "items": items,
        "lines": [
            (
                name,
                origin,
                [_write_cell(check, of[name, item]) if (name, item) in of else ("", "") for item in items],
            )
            for name, origin in origin_of.items()
        ],
    }


def _write_cell(check: str, row: Any) -> tuple[str, str]:
    """Write the value, and in small print its interval or p and how much of the set is known."""
    if not math.isfinite(row["value"]):
        return "–", f"{row['known']:,} of {row['total']:,} known"
    shares = check in SHARES or row["item"] in (
        "among the nearest ten",
        "variance along one direction",
        "words near the largest hub",
    )
    write = write_share if shares else "{:.3f}".format
    small = ""
    if math.isfinite(row["ci_low"]):
        small = f"[{write(row['ci_low'])}, {write(row['ci_high'])}]"
    elif math.isfinite(row["p"]):
        small = f"p = {row['p']:.3f}"
    if check in ("similarity", "analogies", "antonyms", "synonyms", "bias"):
        small += f" {row['known']:,} of {row['total']:,}"
    return write(row["value"]), small.strip()


def _describe_antonyms(checks: pd.DataFrame) -> list[Finding]:
    rows = checks[(checks["check"] == "antonyms") & (checks["item"] == "told from synonyms") & checks["value"].notna()]
    if rows.empty:
        return []
    conflated = rows[rows["ci_high"] < 0.5]
    told = rows[rows["ci_low"] > 0.5]
    best = rows.sort_values("value").to_dict("records")[-1]
    sentence = Markup(
        "Opposites or synonyms? Of {} embeddings, {} have opposites closer together than synonyms, {} tell them apart; the "
        "rest do not. Best: {}, a synonym pair is the closer one in {} of cases."
    )
    text = sentence.format(len(rows), len(conflated), len(told), embedding(best["embedding"]), write_share(best["value"]))
    return [Finding(text, "lead")]


def _describe_antonyms_by_tokens(
    checks: pd.DataFrame, tokens: Mapping[str, float], shorter: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Say whether more text helps to keep opposites from synonyms, where a part of the corpus was trained on too."""
    rows = checks[(checks["check"] == "antonyms") & (checks["item"] == "told from synonyms") & checks["value"].notna()]
    of = {row["embedding"]: row for row in rows.to_dict("records") if row["embedding"] in tokens}
    found = []
    for base in of:
        parts = [name for name in shorter.get(base, ()) if name in of]
        if not parts:
            continue
        steps = [
            f"{write_share(of[name]['value'])} [{write_share(of[name]['ci_low'])}, {write_share(of[name]['ci_high'])}] from "
            f"{write_count(tokens[name])}"
            for name in sorted([base, *parts], key=lambda name: tokens[name])
        ]
        sentence = Markup("By training tokens, {} tells opposites from synonyms in {}.")
        found.append(Finding(sentence.format(embedding(base), ", ".join(steps))))
    return found


def _describe_stability(overlaps: pd.DataFrame) -> list[Finding]:
    rows = _group_by_what_differs(overlaps)
    sentences = {
        SEED: "Trained again with another seed, a word’s ten neighbours overlap by {} to {} (Jaccard; {}, {}).",
        SAMPLE: "Trained again on another sample of the corpus, a word’s ten neighbours overlap by {} to {} ({}, {}).",
        SAMPLES: "Between two such samples, they overlap by {} to {} ({}, {}).",
    }
    found = []
    for what, sentence in sentences.items():
        if what in rows:
            low, high = rows[what][0], rows[what][-1]
            names = embedding(low["of"]), embedding(high["of"])
            found.append(Finding(Markup(sentence).format(write_share(low["shared"]), write_share(high["shared"]), *names)))
    if OTHER_CORPUS in rows:
        most = rows[OTHER_CORPUS][-1]
        sentence = Markup("Those of domain and generic vectors overlap by at most {} ({}, {} words that both know).")
        name = code(most["key"])
        found.append(Finding(sentence.format(write_share(most["shared"]), name, f"{most['words']:,}")))
    return found


def _build_stability_group(overlaps: pd.DataFrame) -> dict[str, Any]:
    """Show for each embedding how many neighbors stay when one thing changes: a mean, with the number of pairs below it."""
    rows = _group_by_what_differs(overlaps)
    origin_of = dict(zip(overlaps["of"], overlaps["origin"], strict=True))
    shared: dict[str, dict[str, list[float]]] = {}
    for what, pairs in rows.items():
        for row in pairs:
            shared.setdefault(str(row["of"]), {}).setdefault(what, []).append(row["shared"])
    items = [what for what in DIFFERENCES if what in rows]
    return {
        "title": "neighbours that stay (Jaccard overlap of the nearest ten)",
        "items": [DIFFERENCES[what] for what in items],
        "lines": [
            (name, origin_of[name], [_write_stability_cell(of_what.get(what, [])) for what in items])
            for name, of_what in sorted(shared.items())
        ],
    }


def _write_stability_cell(shared: Sequence[float]) -> tuple[str, str]:
    if not shared:
        return "", ""
    return write_share(sum(shared) / len(shared)), f"mean of {len(shared)} pairs" if len(shared) > 1 else "1 pair"


def _group_by_what_differs(overlaps: pd.DataFrame) -> dict[str, list[dict[Hashable, Any]]]:
    """Group pairs of embeddings by the one thing that they differ in, least alike first."""
    ordered = overlaps.sort_values("shared")
    return {str(what): rows.to_dict("records") for what, rows in ordered.groupby("differs_in", sort=False)}


def _show_probes(neighbors: pd.DataFrame, most: int = 6) -> dict[str, Any] | None:
    """Show the neighbors of the probe words, one pair of columns for the method that most origins share."""
    if neighbors.empty:
        return None
    known = neighbors[["embedding", "key"]].drop_duplicates()
    by_key = known.groupby("key", sort=False)["embedding"].agg(list)
    shown = max(by_key, key=len)
    lines = []
    for word in dict.fromkeys(neighbors["word"]):
        cells = []
        for name in shown:
            rows = neighbors[(neighbors["embedding"] == name) & (neighbors["word"] == word)].sort_values("rank")
            cells.append(", ".join(rows["neighbor"].head(most)))
        lines.append((word, cells))
    return {"names": shown, "lines": lines}


SECTION = Section("diagnosis", "What the vectors know", view)
