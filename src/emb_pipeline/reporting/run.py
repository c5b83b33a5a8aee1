"""The run that a report is about: what it takes to repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run of a use case. What is not known is left out of the page.

    Attributes
    ----------
    use_case : str
        Its name.
    level : float
        Error rate of the tests; intervals are taken to be at ``1 - level``.
    command, created, git_commit, dirty, kedro_run_id : str or bool
        How it was started, when, from which commit, with uncommitted changes or not, and as which run of Kedro.
    seed : int, optional
        Of everything that is drawn.
    tracking_uri : str
        Where its cells are tracked; a password in it is not shown.
    tasks : mapping of str to mapping
        For each task its ``kind``, ``sample``, ``definition`` and ``evaluation``, in the order of the experiment.
    methods, versions : mapping
        Hyper-parameters by method, and versions by library.
    probe_words : sequence of str
        Words whose neighbors are shown, where the user named them.
    examples : int
        Test items that the page shows at most of two embeddings.
    """

    use_case: str
    level: float = 0.05
    command: str = ""
    created: str = ""
    git_commit: str = ""
    dirty: bool = False
    kedro_run_id: str = ""
    seed: int | None = None
    tracking_uri: str = ""
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    methods: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    probe_words: Sequence[str] = ()
    examples: int = 50

    @property
    def confidence(self) -> str:
        """Level of the intervals in percent, as text."""
        return f"{100 * (1 - self.level):g}"

    @property
    def samples(self) -> Mapping[str, int]:
        """Examples that were taken at most, of each task that a sample was taken of."""
        return {name: int(task["sample"]) for name, task in self.tasks.items() if task.get("sample")}

    def definition(self, task: str) -> Mapping[str, Any]:
        """Give the kind, definition and evaluation of a task, as far as they are known."""
        return self.tasks.get(task) or {}
