"""The source of this package on workers of a cluster that do not have it, or have another version of it.

A Dask scheduler unpickles what it passes on, and has no such package either. So what is defined here inside of functions is
sent as code, and imports nothing but the standard library and Dask.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

NAME = "emb_pipeline"
_SOURCES = "emb_pipeline_sources"
_NOT_SOURCE = ("__pycache__",)


def pack_source(package: Path) -> tuple[bytes, str]:
    """Pack the files of the package.

    Returns
    -------
    bytes
        A zip archive.
    str
        The digest of names and bytes of all files.
    """
    packed, digest = io.BytesIO(), sha256()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(package.rglob("*")):
            name = file.relative_to(package).as_posix()
            if file.is_file() and not any(part in file.parts for part in _NOT_SOURCE):
                found = file.read_bytes()
                digest.update(f"{name}\0{len(found)}\0".encode() + found)
                archive.writestr(f"{NAME}/{name}", found)
    return packed.getvalue(), digest.hexdigest()[:16]


def make_plugin(packed: bytes, digest: str) -> Any:
    """Make the plugin by which each worker finds, or gets, the source of this digest.

    A worker that has the same files uses them. Another one unpacks them into ``~/.cache/emb_pipeline/source/<digest>``: the
    folder stays, so numba's cache next to the files is there for the next worker.
    """
    from distributed.diagnostics.plugin import WorkerPlugin

    package, sources, left_out = NAME, _SOURCES, _NOT_SOURCE

    class SourceOnWorkers(WorkerPlugin):
        name = f"{package}-{digest}"
        idempotent = True

        def __init__(self) -> None:
            self.packed = packed

        def setup(self, worker: Any) -> None:
            import os
            import uuid
            import zipfile
            from hashlib import sha256
            from importlib.util import find_spec
            from io import BytesIO
            from pathlib import Path

            def read_digest(folder: Path) -> str:
                found = sha256()
                for file in sorted(folder.rglob("*")):
                    if file.is_file() and not any(part in file.parts for part in left_out):
                        content = file.read_bytes()
                        found.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
                return found.hexdigest()[:16]

            spec = find_spec(package)
            own = Path(spec.origin).parent if spec is not None and spec.origin else None
            if own is not None and read_digest(own) == digest:
                place = own.parent
            else:
                home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
                place = home / package / "source" / digest
                if not place.is_dir():
                    part = place.with_name(f"{digest}.{uuid.uuid4().hex}")
                    zipfile.ZipFile(BytesIO(self.packed)).extractall(part)
                    try:
                        part.rename(place)
                    except OSError:  # another worker of this machine was first
                        if not place.is_dir():
                            raise
            vars(worker).setdefault(sources, {})[digest] = str(place)

    return SourceOnWorkers()


def make_remote_function(digest: str) -> Callable[[bytes, bytes], bytes]:
    """Make the function that runs a packed node on a worker by the source of this digest."""
    package, sources = NAME, _SOURCES

    def run_node(packed: bytes, setting: bytes) -> bytes:
        import importlib
        import os
        import sys

        from distributed import get_worker

        place = getattr(get_worker(), sources)[digest]
        loaded = sys.modules.get(package)
        if loaded is not None and os.path.dirname(os.path.dirname(str(loaded.__file__))) != place:
            for name, module in list(sys.modules.items()):  # of an earlier run by other source
                if name == f"{package}.hooks.run_lines":
                    module.send_lines(None)
                if name.partition(".")[0] == package:
                    del sys.modules[name]
        if place not in sys.path[:1]:
            sys.path.insert(0, place)
            importlib.invalidate_caches()
        run: Callable[[bytes, bytes], bytes] = importlib.import_module(f"{package}.runners.remote").run_remotely
        return run(packed, setting)

    return run_node
