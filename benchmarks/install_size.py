"""What each extra adds to an installation, in MB on disk.

    .venv/bin/python benchmarks/install_size.py

Sums the files of every distribution that the extra pulls in and the core does not; works on an installation of all extras.
"""

from __future__ import annotations

import importlib.metadata as metadata
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]


def distributions(requirements: list[str]) -> set[str]:
    """Names of all installed distributions that some requirements lead to."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen or not _installed(wanted.name):
            continue
        seen.add(key)
        for text in metadata.requires(wanted.name) or ():
            needed = Requirement(text)
            extras = [{"extra": extra} for extra in (*wanted.extras, "")]
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras):
                waiting.append(needed)
    return {name for name, _ in seen}


def megabytes(names: set[str]) -> float:
    """Size of the files of some distributions."""
    files = [file.locate() for name in names for file in metadata.files(name) or ()]
    return sum(Path(str(file)).stat().st_size for file in files if Path(str(file)).is_file()) / 1e6


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    core = distributions(project["dependencies"])
    print(f"{'(core)':12} {len(core):4} distributions {megabytes(core):7.0f} MB")
    for extra, requirements in project["optional-dependencies"].items():
        added = distributions(requirements) - core
        largest = max(added, key=lambda name: megabytes({name}))
        print(
            f"{extra:12} {len(added):4} distributions {megabytes(added):7.0f} MB, {largest} {megabytes({largest}):.0f} of it"
        )


if __name__ == "__main__":
    main()
