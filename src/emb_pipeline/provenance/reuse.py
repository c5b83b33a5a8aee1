"""The decision which stored results a run may build on, and which it makes again or refuses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.provenance.fingerprint import CODE, Fingerprint
from emb_pipeline.provenance.manifest import Manifest
from emb_pipeline.provenance.node_fingerprints import find_output, is_data
from emb_pipeline.provenance.stored_results import count_as_missing, find_write_time, has_failed, is_stored

AGGREGATE = "aggregate"
"""Tag of nodes that only gather results of others: cheap, so made again instead of refused."""
_log = logging.getLogger(__name__)


class StaleResultsError(EmbPipelineError):
    """A run that would silently mix results of different experiments."""


class MissingInputsError(EmbPipelineError):
    """A part of the pipeline that was asked for, and whose inputs were never made, or are not made before they are taken."""


@dataclass(frozen=True)
class RunRequest:
    """A run that was asked for.

    Attributes
    ----------
    pipeline : Pipeline
        The nodes that are going to run.
    command : str
        The command that runs the whole use case, for messages.
    whole : Pipeline, optional
        All nodes of the use case; those of the run by default.
    only_missing : bool
        Whether existing results are kept.
    accept : str
        The reason to take stale results as they are; empty: they are refused.
    remakes : bool
        Whether stale results among those that the run may keep are made again, where they would be refused.
    """

    pipeline: Pipeline
    command: str = "kedro run"
    whole: Pipeline | None = None
    only_missing: bool = False
    accept: str = ""
    remakes: bool = False


def refuse_missing_inputs(run: RunRequest, catalog: DataCatalog) -> None:
    """Stop before a part of the pipeline starts whose inputs were never made, or that makes them in no certain order.

    Raises
    ------
    MissingInputsError
        Names them, and the command that makes them.
    """
    inputs = sorted(_list_inputs(run.pipeline))
    made = run.pipeline.all_outputs()
    if unordered := [name for name in inputs if "." in name.partition("@")[0] and find_output(name) in made]:
        raise MissingInputsError(
            _join_names(unordered),
            "this run makes it, too, and what gathers it is left out: nothing says which comes first",
            "run the stages of --pipelines one after the other, or leave --pipelines out",
        )
    missing = [name for name in inputs if not (is_stored(catalog, name) or has_failed(catalog, name))]
    if missing:
        raise MissingInputsError(
            _join_names(missing),
            "not there yet, and this run builds on it",
            f"make it first: {run.command} --only-missing-outputs",
        )


def prepare_run(run: RunRequest, catalog: DataCatalog, fingerprints: Mapping[str, Fingerprint], manifest: Manifest) -> None:
    """Refuse stale results that the run would build on; announce in the manifest what it is going to make.

    Under ``--only-missing-outputs`` stale aggregates count as missing and are made again, and so do those that gather a
    result that failed.

    Parameters
    ----------
    run : RunRequest
        What was asked for.
    catalog : DataCatalog
        Its data.
    fingerprints : mapping of str to Fingerprint
        Fingerprint of each dataset, as it would be made now.
    manifest : Manifest
        Fingerprints of what is on disk.

    Raises
    ------
    StaleResultsError
        Lists the stale results and the command that makes them again.
    """

    def is_stale(name: str) -> bool:
        output = find_output(name, fingerprints)
        if output not in fingerprints:
            return False  # no node makes it: a vector store
        if not is_stored(catalog, name):
            return False
        return not manifest.vouches(output, fingerprints[output], find_write_time(catalog, name))

    stale = {name for name in _list_inputs(run.pipeline) if is_stale(name)}
    if run.only_missing:
        for name in _find_gathered_failures(run.pipeline, catalog):
            count_as_missing(catalog, name)
        for node in run.pipeline.nodes:
            outdated = {name for name in node.outputs if is_stale(name)}
            if AGGREGATE in node.tags or run.remakes:
                for name in outdated:
                    count_as_missing(catalog, name)
            else:
                stale |= outdated
    if stale and run.accept:
        accepted = sorted({find_output(name, fingerprints) for name in stale})
        manifest.accept({name: fingerprints[name] for name in accepted}, run.accept)
        _log.warning("%d stale results are accepted (%s): %s", len(stale), run.accept, _join_names(sorted(stale)))
    elif stale:
        again = _find_command(run, lambda name: is_stale(name) or not is_stored(catalog, name))
        raise _explain(stale, fingerprints, manifest, again)
    made = [name for name in sorted(run.pipeline.all_outputs()) if not (run.only_missing and is_stored(catalog, name))]
    manifest.announce({name: fingerprints[name] for name in made})


def _list_inputs(pipeline: Pipeline) -> set[str]:
    return set(filter(is_data, pipeline.inputs()))


def _find_gathered_failures(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[str]:
    """Find results that gather others, one of which failed in an earlier run and is made again now."""
    again: set[str] = set()
    for node in pipeline.nodes:  # in an order in which inputs come before what is made of them
        failed = any(has_failed(catalog, name) for name in node.outputs)
        if failed or again & set(node.inputs):
            again.update(node.outputs)
            if AGGREGATE in node.tags:
                yield from node.outputs


def _explain(stale: set[str], fingerprints: Mapping[str, Fingerprint], manifest: Manifest, again: str) -> StaleResultsError:
    outputs = sorted({find_output(name, fingerprints) for name in stale})
    if all(map(manifest.is_of_another_rule, outputs)):
        what = "were noted by an earlier version, whose fingerprints cannot be compared with those of this one"
    else:
        what = "were made by other parameters, code, raw files, library versions or inputs"
    causes = {
        f"the code behind {name.rpartition('.')[0] or name}" if cause == CODE else cause.removeprefix("params:")
        for name in outputs
        for cause in manifest.find_changes(name, fingerprints[name])
    }
    differs = f". What differs: {_join_names(sorted(causes), 6)}" if causes else ""
    return StaleResultsError(
        f"{len(stale)} results on disk",
        f"they {what}: {_join_names(sorted(stale))}{differs}",
        f"to make them and what follows from them again: {again}\n"
        "To use them as they are, run the same command again with --accept-stale '<reason>'.",
    )


def _find_command(run: RunRequest, is_wanted: Callable[[str], bool]) -> str:
    """Find the command that makes all wanted datasets and what follows from them: it starts at the first of their nodes."""
    first: list[Node] = []
    made: set[str] = set()
    whole = run.whole or run.pipeline
    for node in whole.nodes:
        inputs = {name for each in node.inputs for name in (each, each.partition("@")[0], find_output(each))}
        follows = bool(made & inputs)
        if not follows and any(is_wanted(name) for name in node.outputs):
            first.append(node)
            follows = True
        if follows:
            made |= {part for name in node.outputs for part in (name, name.partition("@")[0])}
    results = (node for node in whole.nodes if AGGREGATE not in node.tags)
    roots = {node.name for node in results if not any(is_data(name) for name in node.inputs)}
    names = [node.name for node in first]
    return run.command if roots <= set(names) else f"{run.command} --from-nodes {','.join(names)}"


def _join_names(names: list[str], shown: int = 12) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
