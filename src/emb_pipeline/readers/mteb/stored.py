"""Tasks of MTEB, their tables stored as Parquet, with what MTEB says of them."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emb_pipeline.errors import DataError, find_nearest_name, suggest
from emb_pipeline.readers.extra_package import importing_extra
from emb_pipeline.readers.files.named_files import NamedFile, checks_first_rows
from emb_pipeline.readers.hf_dataset.stored import explain, quiet
from emb_pipeline.readers.mteb.source import MtebTask
from emb_pipeline.readers.stored_tables import stamp_files, store_tables
from emb_pipeline.text.hashing import hash_text

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = "mteb"
"""Folder of the stored tasks, among the raw data."""
ABOUT = "task.json"
"""File next to the tables: MTEB's name, type, revision, split, subset, languages, main score and version."""
LOCAL = "local copy"
"""The revision of data that were not downloaded at the one that MTEB names."""
_log = logging.getLogger(__name__)


def store_task(source: MtebTask, raw: Path, project: Path) -> Path | None:
    """Store the tables of a task, unless they are there.

    Returns
    -------
    Path or None
        The folder: a table for each split, or queries, passages and qrels, and `ABOUT`. None where only first rows are
        checked and the data would be downloaded.

    Raises
    ------
    DataError
        The package ``mteb`` is not installed or has no such task, the task is of another type or has no such subset or
        split, or its data cannot be loaded.
    """
    folder = place_task(source, raw)
    if source.path is None and not folder.exists() and checks_first_rows():
        return None
    made_of = stamp_files(source.find_files(raw, project))
    store_tables(folder, made_of, partial(_load_and_write, source, project), what=f"loading {source.task}")
    _require_type(source, read_about(folder)["type"])
    return folder


def _require_type(source: MtebTask, found: str) -> None:
    if found not in source.types:
        reason = f"MTEB calls it {found}, and this kind of task reads {' or '.join(source.types)}"
        raise DataError(source.task, reason, "correct 'task', or the kind")


def read_about(folder: Path) -> dict[str, Any]:
    """Read what MTEB says of a stored task."""
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return about


def place_task(source: MtebTask, raw: Path) -> Path:
    """Find the folder that a task is stored in."""
    options = " ".join((source.path or "", source.subset or "", source.eval_split or ""))
    return raw / FOLDER / f"{hash_text(f'{source.task} {options}'):016x}"


def list_split_files(source: MtebTask, raw: Path, project: Path, split: str) -> list[NamedFile]:
    """Name the file of a split: ``train``, or ``test``, which is the split that the task is evaluated on.

    Raises
    ------
    DataError
        As for `store_task`, or the task has no such split.
    """
    folder = store_task(source, raw, project)
    if folder is None:
        return []
    splits = sorted(path.stem for path in folder.glob("*.parquet"))
    if split not in splits:
        raise DataError(source.task, f"it has no split '{split}'", f"leave it out of 'splits': it has {', '.join(splits)}")
    return [NamedFile(folder / f"{split}.parquet", f"{source.task}/{split}")]


def _load_and_write(source: MtebTask, project: Path, folder: Path) -> None:
    import pyarrow.parquet as pq

    from emb_pipeline.readers.mteb.tables import build_tables

    with importing_extra("datasets", "hf", source.task):
        import datasets
    with importing_extra("mteb", "mteb", source.task):
        import mteb
    task = _find_task(mteb, source)
    subset, split = _choose_subset(task, source), _choose_split(task, source)
    if source.path is not None:
        place = project / source.path
        if not place.is_dir():
            raise DataError(source.path, f"there is no such folder in {project}", "correct 'path': it is relative to that")
        here = {**task.metadata.dataset, "path": str(place)}
        task.metadata = task.metadata.model_copy(update={"dataset": here})
    with quiet(datasets), explain(datasets, source), _cache_in(datasets, folder / "cache" if source.path else None):
        task.load_data()
        for name, table in build_tables(task, subset, split).items():
            pq.write_table(table, folder / f"{name}.parquet")
    about = {
        "task": task.metadata.name,
        "type": task.metadata.type,
        "revision": LOCAL if source.path is not None else task.metadata.revision,
        "split": split,
        "subset": subset,
        "languages": task.metadata.hf_subsets_to_langscripts.get(subset, []),
        "main_score": task.metadata.main_score,
        "mteb_version": version("mteb"),
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
    _log.info("%s: a %s task, which MTEB judges by %s", source.task, about["type"], about["main_score"])


def _find_task(mteb: ModuleType, source: MtebTask) -> Any:
    try:
        task = mteb.get_task(source.task)
    except (KeyError, ValueError) as error:
        known = [each.metadata.name for each in mteb.get_tasks(modalities=["text"])]
        nearest = find_nearest_name(source.task, known)
        remedy = f"perhaps '{nearest[0]}'" if nearest else "correct 'task'"
        raise DataError(source.task, "the package mteb has no task of this name", remedy) from error
    _require_type(source, task.metadata.type)
    return task


def _choose_subset(task: Any, source: MtebTask) -> str:
    subsets = [str(name) for name in task.hf_subsets]
    if source.subset is None and len(subsets) == 1:
        return subsets[0]
    if source.subset is None:
        raise DataError(source.task, f"it has {len(subsets)} subsets", f"say 'subset: …', one of {', '.join(subsets[:50])}")
    if source.subset not in subsets:
        raise DataError(source.task, f"it has no subset '{source.subset}'", suggest(source.subset, subsets))
    task.hf_subsets = [source.subset]
    return source.subset


def _choose_split(task: Any, source: MtebTask) -> str:
    splits = [str(name) for name in task.eval_splits]
    if source.eval_split is not None and source.eval_split not in splits:
        raise DataError(source.task, f"it is not evaluated on '{source.eval_split}'", suggest(source.eval_split, splits))
    return source.eval_split or splits[0]


@contextmanager
def _cache_in(datasets: ModuleType, folder: Path | None) -> Iterator[None]:
    """Keep what the library makes of a local copy in a folder that is removed."""
    before = datasets.config.HF_DATASETS_CACHE
    if folder is None:
        yield
        return
    datasets.config.HF_DATASETS_CACHE = folder
    try:
        yield
    finally:
        datasets.config.HF_DATASETS_CACHE = before
        shutil.rmtree(folder, ignore_errors=True)
