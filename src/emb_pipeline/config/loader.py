"""The config loader: it writes out the experiment of a use case when it loads the parameters.

The grid is expanded after base and use case have been merged, not by an interpolation inside one of them: Kedro resolves
each folder by itself, so ``conf/base`` could not see the tasks that ``conf/medical`` defines.

``conf/local`` overrides every use case. Kedro reads it only where no environment is named, so a tracking server or a
credential that a person keeps there would be lost with ``--env``.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from emb_pipeline.config.errors import ConfigurationError
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.experiment.checks import check_parameters
from emb_pipeline.experiment.choosing import ChoosingOptions, sample_tests
from emb_pipeline.experiment.expand import merge_evaluation
from emb_pipeline.experiment.fast import sample_tasks
from emb_pipeline.experiment.problems import ParametersError
from emb_pipeline.experiment.renamed import rename_keys
from emb_pipeline.storage.copies import normalize_url
from emb_pipeline.storage.local_paths import is_url
from emb_pipeline.storage.object_store import check_url

LOGGER = logging.getLogger(__name__)
TEMPLATE = "template"
CREDENTIALS = ("milvus", "mlflow", "api_keys", "databases", "data_root")
"""Names in ``credentials.yml`` that the project reads; each may be left out."""
_GLOBALS = ("use_case", "data_root", "grid", "mlflow")
_OF_MLFLOW = "artifact_location"
USUAL_DATA_ROOT = "data"
DATA_ROOT = "EMB_PIPELINE_DATA_ROOT"
"""Environment variable: it goes before ``data_root`` of every globals.yml."""
_OTHER_FILES = ("logging.yml", "logging.yaml")
_UNREADABLE = (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError)


class ExperimentConfigLoader(OmegaConfigLoader):
    """Kedro's loader, plus ``embeddings`` and ``tasks``: one parameter for each embedding and task of the grid.

    Raises
    ------
    ConfigurationError
        A use case that does not exist, a file or a name that nothing reads, or a grid that cannot be run.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._expanded: dict[str, Any] | None = None
        super().__init__(*arguments, **options)
        self.runtime_params = _rename_old_keys(self.runtime_params, "--params")
        if Path(str(self.conf_source)).is_dir():  # no archive and no place elsewhere
            self._require_use_case()

    def __getitem__(self, key: str) -> dict[str, Any]:
        if key in self:  # set by a caller
            given: dict[str, Any] = super().__getitem__(key)
            return given
        if key == "parameters":
            if self._expanded is None:
                self._expanded = self._expand(self._read_with_local(key))
            return dict(self._expanded)
        config = self._read_with_local(key)
        return {**{name: {} for name in CREDENTIALS}, **config} if key == "credentials" else config

    def _read_with_local(self, key: str) -> dict[str, Any]:
        """Read the configuration of base and use case with ``conf/local`` on top of it."""
        folder = Path(str(self.conf_source)) / self.default_run_env
        on_top = self.env not in (None, self.default_run_env) and folder.is_dir()
        try:
            config: dict[str, Any] = super().__getitem__(key)
        except MissingConfigException:
            if key != "credentials":
                raise
            config = {}
        except _UNREADABLE as error:
            raise ConfigurationError(f"conf/{self.env or self.default_run_env}, {key}", str(error)) from error
        if not on_top:
            return config
        try:
            local = self.load_and_merge_dir_config(str(folder), self.config_patterns[key], key, set(), key == "credentials")
        except _UNREADABLE as error:
            raise ConfigurationError(f"conf/{folder.name}, {key}", str(error)) from error
        if self.merge_strategy.get(key) == "soft":
            merged: Any = OmegaConf.to_container(OmegaConf.merge(config, local))
            return dict(merged)
        return {**config, **local}

    def _read_dir_configs(self, conf_path: str, patterns: Any, key: str, *arguments: Any) -> dict[Path, Any]:
        """Read the files of a folder, and give keys with an old name their new one.

        Kedro has no public seam between the reading of files and their merging, and after it nobody can say which of two
        names is meant to win.
        """
        files: dict[Path, Any] = super()._read_dir_configs(conf_path, patterns, key, *arguments)
        if key not in ("globals", "parameters"):
            return files
        renamed = {
            file: _rename_old_keys(OmegaConf.to_container(config), self._show_path(file)) for file, config in files.items()
        }
        if key == "globals" and (elsewhere := os.environ.get(DATA_ROOT)):
            renamed = {
                file: config | ({"data_root": elsewhere} if "data_root" in config else {})
                for file, config in renamed.items()
            }
        return {file: OmegaConf.create(config) for file, config in renamed.items()}

    def _expand(self, written: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(written.get("grid"), Mapping):
            raise ConfigurationError(
                self.place("grid"), "there is no grid", "globals.yml says which embeddings meet which tasks"
            )
        self._require_consistent_names(written)
        try:
            embeddings = check_parameters(written, referenced=self._is_referenced, place=self.place)
        except ParametersError as error:
            raise ConfigurationError.from_error(error) from error
        tasks = merge_evaluation(written["task_definitions"], written.get("evaluation") or {})
        if written.get("pace") == "fast":
            tasks = sample_tasks(tasks, (written.get("fast") or {}).get("sample"))
        if written.get("pace") == "budget":
            tasks = sample_tests(tasks, ChoosingOptions.model_validate(written.get("choosing") or {}).outcome)
        return {**written, "embeddings": embeddings, "tasks": tasks}

    def _require_use_case(self) -> None:
        """Refuse a use case without a folder, and files in it that no pattern reads."""
        conf = Path(str(self.conf_source))
        if self.env and not (conf / self.env).is_dir():
            others = sorted(each.name for each in conf.iterdir() if each.is_dir() and each.name != TEMPLATE)
            raise ConfigurationError(
                "--env", f"there is no use case {self.env!r} in {conf.name}/", suggest(self.env, others)
            )
        patterns = [pattern for of_key in self.config_patterns.values() for pattern in of_key]
        for folder, file in self._list_files():
            name = str(file.relative_to(folder))
            read = any(fnmatch(name, pattern) or fnmatch(name, f"{pattern}.*") for pattern in patterns)
            if not read and name not in _OTHER_FILES:
                wanted = ["globals.yml", "parameters.yml", "catalog.yml", "credentials.yml"]
                raise ConfigurationError(
                    self._show_path(file),
                    "nothing reads a file of this name",
                    f"{suggest(name, wanted)} (parameters_<anything>.yml is read, too)",
                )

    def _require_consistent_names(self, written: dict[str, Any]) -> None:
        globals_ = self["globals"]
        use_case, stated = written.get("use_case"), globals_.get("use_case")
        if use_case != stated:
            raise ConfigurationError(
                self.place("use_case"),
                f"use_case is {use_case!r} in the parameters and {stated!r} in globals.yml, which names the folders of all "
                "results",
                "set it in globals.yml alone",
            )
        if use_case == TEMPLATE and self.env != TEMPLATE:
            raise ConfigurationError(
                self.place("use_case"),
                f"use_case is still {TEMPLATE!r}",
                f"write 'use_case: {self.env or 'shop'}', the name of the folder under conf/",
            )
        self._require_data_root(globals_.get("data_root", USUAL_DATA_ROOT))
        self._require_mlflow(globals_.get("mlflow"))
        for name in globals_:
            if name not in _GLOBALS and not self._is_referenced(f"globals:{name}"):
                raise ConfigurationError(
                    self.place(name),
                    f"nothing reads {name!r}",
                    f"{suggest(name, _GLOBALS)} (Any other name is for a reference, ${{globals:{name}}}.)",
                )

    def _require_data_root(self, root: object) -> None:
        place = DATA_ROOT if os.environ.get(DATA_ROOT) else self.place("data_root")
        if not isinstance(root, str) or not root.strip():
            remedy = "write a folder, 'data_root: data', or a URL, 'data_root: s3://bucket/prefix'"
            raise ConfigurationError(place, f"data_root is {root!r}", remedy)
        if is_url(root):
            try:
                check_url(normalize_url(root))
            except DataError as error:
                raise ConfigurationError(place, f"data_root {error.place} {error.reason}", error.remedy) from error

    def _require_mlflow(self, written: object) -> None:
        """Refuse settings of MLflow that nothing reads."""
        if written is None:
            return
        place, remedy = self.place("mlflow"), "write 'mlflow: {artifact_location: s3://bucket/mlflow}'"
        if not isinstance(written, Mapping):
            raise ConfigurationError(place, f"mlflow is {written!r}", remedy)
        for name in written:
            if name != _OF_MLFLOW:
                raise ConfigurationError(place, f"nothing reads 'mlflow.{name}'", suggest(str(name), [_OF_MLFLOW]))
        if not isinstance(value := written.get(_OF_MLFLOW) or "", str):
            raise ConfigurationError(place, f"mlflow.{_OF_MLFLOW} is {value!r}", remedy)

    def _list_folders(self) -> list[Path]:
        """List the folders that configuration is read from, the one that wins first."""
        conf = Path(str(self.conf_source)).absolute()
        names = dict.fromkeys((self.default_run_env, self.env or self.default_run_env, self.base_env))
        return [conf / name for name in names if name and (conf / name).is_dir()]

    def _list_files(self) -> Iterator[tuple[Path, Path]]:
        for folder in self._list_folders():
            for file in sorted(folder.rglob("*")):
                hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
                if file.suffix in (".yml", ".yaml", ".json") and not hidden:
                    yield folder, file

    def _is_referenced(self, name: str) -> bool:
        """Tell whether some file takes a value by this name, ``${name}``, or by the anchor that it is at."""
        reference = re.compile(r"\$\{\s*" + re.escape(name) + r"\s*[.}\[,]")
        anchor = re.compile(r"^" + re.escape(name) + r"\s*:\s*&(\S+)", re.MULTILINE)
        for _, file in self._list_files():
            text = file.read_text(encoding="utf-8")
            if reference.search(text) or any(re.search(rf"\*{re.escape(each)}\b", text) for each in anchor.findall(text)):
                return True
        return False

    def place(self, name: str) -> str:
        """Name the file that a top-level name was written in, or the command line."""
        if name in (self.runtime_params or {}):
            return "--params"
        for _, file in self._list_files():
            if file.suffix != ".json" and name in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}):
                if name == "grid" and file.name.startswith("parameters"):
                    continue  # base takes it from globals.yml
                return self._show_path(file)
        return "parameters"

    def _show_path(self, file: Path) -> str:
        project = Path(str(self.conf_source)).absolute().parent
        return str(file.relative_to(project)) if file.is_relative_to(project) else str(file)


def _rename_old_keys(written: Any, place: str) -> Any:
    """Rename keys with an old name; a file may also be empty, or hold a list."""
    if not isinstance(written, Mapping):
        return written
    try:
        return rename_keys(written, lambda sentence: _log_once(f"{place}: {sentence}"))
    except ParametersError as error:
        raise ConfigurationError(f"{place}: {error.place}", error.reason, error.remedy) from error


@cache
def _log_once(message: str) -> None:
    """Log a warning; a run makes several loaders."""
    LOGGER.warning(message)
