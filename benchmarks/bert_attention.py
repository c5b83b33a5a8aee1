"""How much training it takes until a small BERT tags words better than random weights do, for each kind of attention.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/bert_attention.py
    … python benchmarks/bert_attention.py --attention full causal window --million 0 1 2 4 8
    … python benchmarks/bert_attention.py --million 2.5 --near-first 0 0.6

Models with the options of `conf/syntax` are trained on its corpus, each budget from the start. Each is judged as a run
judges it, on the task `parts_of_speech`: the probe learns from some of its training sentences, and is scored by
accuracy on all test sentences. Budget 0 is one step: random weights.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import yaml
from pydantic import TypeAdapter

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import BertOptions
from emb_pipeline.embeddings.contextual.training import bert
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens

PROJECT = Path(__file__).parents[1]
DIM = 128


def main() -> None:
    """Train and judge one model at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attention", nargs="*", default=["full"], choices=["full", "causal", "window"])
    parser.add_argument("--million", nargs="*", type=float, default=[0, 1, 2], help="sub-words to train on, in millions")
    parser.add_argument(
        "--near-first", nargs="*", type=float, help="shares of the steps with near attention; else as the use case says"
    )
    parser.add_argument("--sentences", type=int, default=600, help="training sentences of the probe")
    parser.add_argument("--work", type=Path, default=PROJECT / "data/02_intermediate/bert_attention")
    arguments = parser.parse_args()
    corpus, tables = read_corpus(arguments.work), read_task(arguments.sentences)
    kind = KINDS["token_classification"]
    task = kind.create_task(tables, "parts_of_speech")
    print("| attention | near first | sub-words | perplexity | accuracy | unseen words | train s |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for million, attention, near in itertools.product(
        arguments.million, arguments.attention, arguments.near_first or [None]
    ):
        options = read_options(attention, max(1, round(million * 1e6)), near)
        with tempfile.TemporaryDirectory() as scratch:
            place, started = Path(scratch), perf_counter()
            request = TrainingRequest(
                corpus, options, dim=DIM, seed=1, folder=place / "encoder", checkpoints=place / "parts"
            )
            folder, seconds = bert.train(request), perf_counter() - started
            encoder = ContextualEncoder(folder, options)
            found = kind.evaluate_embedding(task, encoder, kind.options(training_draws=0, label_draws=0), seed=0).metrics
        made = json.loads(json.dumps(dict(folder.provenance)))
        print(
            f"| {attention} | {options.near_first:g} | {made['sub_tokens']:,} | {made['perplexity']:.0f} "
            f"| {found['accuracy']:.3f} | {found['accuracy_unseen']:.3f} | {seconds:.0f} |",
            flush=True,
        )


def read_options(attention: str, max_tokens: int, near_first: float | None = None) -> BertOptions:
    """Read the options of the use case, with another attention and budget."""
    base = yaml.safe_load((PROJECT / "conf/base/train/parameters.yml").read_text(encoding="utf-8"))["methods"]["bert"]
    own = yaml.safe_load((PROJECT / "conf/syntax/parameters_methods.yml").read_text(encoding="utf-8"))["methods"]["bert"]
    changed = {"attention": attention, "max_tokens": max_tokens} | ({} if near_first is None else {"near_first": near_first})
    return BertOptions(**{**base, **own, **changed})


def read_corpus(work: Path) -> TokenCorpus:
    """Read as many tokens of the use case's corpus as it trains on."""
    written = yaml.safe_load((PROJECT / "conf/syntax/parameters_corpora.yml").read_text(encoding="utf-8"))
    folder = work / "tokens"
    if not folder.exists():
        sources = [TypeAdapter(CorpusSource).validate_python(each) for each in written["corpora"]["generic"]["sources"]]
        documents = read_documents(sources, PROJECT / "data/01_raw", PROJECT)
        cut(write_tokens(documents, work / "whole"), folder, written["corpus_options"]["max_tokens"])
    return TokenCorpus(folder)


def read_task(n_sentences: int) -> dict[str, pa.Table]:
    """Read the test sentences of the task, and some of those that are trained on."""
    written = yaml.safe_load((PROJECT / "conf/syntax/parameters_tasks.yml").read_text(encoding="utf-8"))
    reader = KINDS["token_classification"].create_reader()
    source = TypeAdapter(reader.source_type).validate_python(written["task_definitions"]["parts_of_speech"]["source"])
    tables = dict(reader.read(source, PROJECT / "data/01_raw", PROJECT, "parts_of_speech"))
    sentences = tables["sentences"]
    is_test = np.array(sentences["split"].to_pylist()) == "test"
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(~is_test))[:n_sentences]
    tables["sentences"] = sentences.take(np.sort(np.concatenate([drawn, np.flatnonzero(is_test)])))
    return tables


if __name__ == "__main__":
    main()
