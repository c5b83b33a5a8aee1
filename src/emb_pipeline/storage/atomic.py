"""Writing a file or a folder so that it is either there whole or not there at all, and by one process at a time."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, SoftFileLease, Timeout

from emb_pipeline.errors import EmbPipelineError

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
_SAY_AFTER_SECONDS, _SAY_EVERY_SECONDS = 5.0, 60.0
_TEMPORARY_NAME = re.compile(r"\..+\.\w+-\d+-[^.]*-[0-9a-f]{8}\.part", re.DOTALL)
_WRITES_UNTIL_LOOKED: dict[Path, int] = {}
"""By folder, how many files this process writes into it before it looks again for what others have left there."""
_LEASE_SECONDS = 60.0
"""Time without a sign of life after which the holder of a lock is taken for dead, if its machine cannot be asked."""
_NAMELESS_SECONDS = 5.0
"""The same for a lease that names no holder: one is written in milliseconds, unless its writer was killed."""
_LEFT_BY_OTHERS_SECONDS = 7 * 24 * 3600
"""Age at which what another machine left behind is removed: whether its process still runs cannot be asked from here."""


@contextmanager
def write_atomically(final: Path) -> Iterator[Path]:
    """A temporary name next to ``final``; what was written there gets the final name when the block ends well.

    Works for a file or for a folder. A folder that is already there under the final name is replaced. What processes
    that were killed left behind under temporary names is removed (`build_temporary_path`).
    """
    temporary = build_temporary_path(final)
    try:
        yield temporary
        _sync(temporary)
        if temporary.is_dir() and final.exists():
            # A folder with content cannot be renamed over: the old one steps aside, and goes only when the new one is there.
            outdated = build_temporary_path(final)
            os.replace(final, outdated)
            os.replace(temporary, final)
            shutil.rmtree(outdated)
        else:
            os.replace(temporary, final)
        _sync_folder(final.parent)
    finally:
        _remove(temporary)


def build_temporary_path(final: Path) -> Path:
    """A new hidden name next to ``final``, for a file or folder that will be moved or removed by this process.

    What is left in the folder under such names by a process that no longer runs is removed first; that of another machine
    or container after a week. The folder is looked through at its first use, and again each time that as many files were
    written into it as it held: looking costs no more than writing does, however many files there are.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(final.parent)
    return final.with_name(f".{final.name}.{name_this_process()}-{uuid.uuid4().hex[:8]}.part")


def _remove_left_behind(folder: Path) -> None:
    unlooked = _WRITES_UNTIL_LOOKED.get(folder, 0)
    _WRITES_UNTIL_LOOKED[folder] = unlooked - 1
    if unlooked > 0:
        return
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    _WRITES_UNTIL_LOOKED[folder] = len(names) - 1
    for left in (folder / name for name in names if _TEMPORARY_NAME.fullmatch(name)):
        if not _is_in_use(left):
            _remove(left)


def name_this_process() -> str:
    """Name this process as no other one is named, on any machine, now or later: ``<machine>-<pid>-<start>``."""
    return f"{_name_machine()}-{os.getpid()}-{_start_of(os.getpid()) or 0}"


def has_ended(process: str) -> bool:
    """Tell whether a process of this machine, as ``this_process`` named it, is gone; False for one of another machine."""
    machine, pid, started = process.rsplit("-", 2) if process.count("-") >= 2 else ("", "", "")
    return machine == _name_machine() and pid.isdigit() and not _is_process_running(int(pid), started)


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes
    ----------
    host : str
        Name of its machine or container.
    pid : int
        Its number there.
    what : str
        Its work: ``"running use case 'shop'"``.
    since : float
        Seconds since 1970 at which it got the lock.
    """

    host: str
    pid: int
    what: str
    since: float

    def __str__(self) -> str:
        started = time.strftime("%H:%M:%S", time.localtime(self.since))
        minutes = max(0.0, time.time() - self.since) / 60
        return f"process {self.pid} on {self.host}, which is {self.what} since {started} ({minutes:.1f} minutes)"


class LockHeldError(EmbPipelineError, TimeoutError):
    """Another process or thread holds a lock.

    Attributes
    ----------
    path : Path
        The lock file.
    holder : Holder or None
        Who holds it; None in the moment before the holder has written its name.
    """

    def __init__(self, path: Path, holder: Holder | None) -> None:
        super().__init__(str(path), f"it is held by {holder or 'another process'}", "start again when that has ended")
        self.path, self.holder = path, holder

    def __reduce__(self) -> tuple[type[LockHeldError], tuple[Path, Holder | None]]:
        return LockHeldError, (self.path, self.holder)


@contextmanager
def hold_lock(path: Path, *, what: str, wait: float | None = None) -> Iterator[None]:
    """Hold a lock file, so that one process or thread at a time does a piece of work.

    Two locks are one here. The operating system's is free as soon as its holder ends, however it ends; on some network
    drives it holds for the processes of one machine alone. So the holder has a lease, too, a file that any machine and
    container sees, and shows every twenty seconds that it lives. A lease of another machine that shows no life for a minute
    is over. For containers of this machine the operating system's lock says enough: they share its kernel.

    Parameters
    ----------
    path : Path
        The lock file; it stays. ``<path>.holder`` names who holds it.
    what : str
        The work, for those who wait: ``"running use case 'shop'"``.
    wait : float, optional
        Seconds to wait for another holder; 0 gives up at once, None waits. A wait is logged with the holder's name. Whether
        a holder on another machine lives takes up to a minute to tell, also with 0.

    Raises
    ------
    LockHeldError
        The wait is over.
    EmbPipelineError
        The file cannot be locked: its folder is read-only, say, or on a network drive without locks.
    """
    lock, lease = FileLock(path, thread_local=False), _make_lease(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock, lease, path, wait)
    except LockHeldError:
        raise
    except OSError as error:
        reason = f"cannot be locked: {error.strerror or error}"
        remedy = "make its folder writable, or keep data/ on a drive that has file locks (NFS: its lock service must run)"
        raise EmbPipelineError(str(path), reason, remedy) from error
    note = _build_holder_path(path)
    try:
        mine = Holder(platform.node(), os.getpid(), what, time.time())
        partial = note.with_name(f"{note.name}.{os.getpid()}-{threading.get_ident()}")
        partial.write_text(json.dumps(asdict(mine)), encoding="utf-8")
        os.replace(partial, note)
        yield
    finally:
        note.unlink(missing_ok=True)
        lease.release()
        lock.release()


def find_holder(path: Path) -> Holder | None:
    """Find the holder of a lock file: None where nobody holds it.

    A holder that has not written its name yet is called process 0.
    """
    unknown = Holder("an unknown host", 0, "at work", time.time())
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return _read_holder(path) or unknown
    try:
        return (_read_holder(path) or unknown) if _is_leased(path) else None
    finally:
        lock.release()


def _make_lease(path: Path) -> SoftFileLease:
    def tell(loss: object) -> None:
        _log.warning("%s: this process did not show in time that it lives, and another one may have the lock", path)

    return SoftFileLease(_find_lease(path), lease_duration=_LEASE_SECONDS, thread_local=False, on_compromise=tell)


def _find_lease(path: Path) -> Path:
    return path.with_name(f"{path.name}.lease")


def _is_leased(path: Path) -> bool:
    """Tell whether a process of another machine holds a lock whose operating system's lock is free."""
    if not _find_lease(path).exists():
        return False
    lease = _make_lease(path)
    try:
        _take_lease(lease, path)
    except Timeout:
        return True
    lease.release()
    return False


def _acquire(lock: FileLock, lease: SoftFileLease, path: Path, wait: float | None) -> None:
    """Take the operating system's lock and then the lease; neither is kept if the wait is over."""
    started = time.monotonic()
    due, seen = _SAY_AFTER_SECONDS, _read_sign(path)
    while True:
        try:
            if not lock.is_locked:
                lock.acquire(blocking=False)
            _take_lease(lease, path)
            return
        except Timeout as error:
            waited, holder = time.monotonic() - started, _read_holder(path)
            # Without a name the holder has just come, or only looks who holds it.
            least = 0.0 if holder else 1.0
            if lock.is_locked and _read_sign(path) == seen:
                least = _LEASE_SECONDS + 1.0  # the holder is elsewhere, and may be dead
            if wait is not None and waited >= max(wait, least):
                lock.release()
                raise LockHeldError(path, holder) from error
        except BaseException:
            lock.release()
            raise
        if waited >= due:
            _log.warning("waiting for %s for %.0f seconds (lock file %s)", holder or "another process", waited, path)
            due += _SAY_EVERY_SECONDS
        time.sleep(_POLL_SECONDS)


def _take_lease(lease: SoftFileLease, path: Path) -> None:
    """Take a lease, given the operating system's lock.

    Whoever left it on this machine, in whatever container, is gone. So is one elsewhere that has shown no life for long, and
    one who was killed before the lease named its owner.
    """
    try:
        lease.acquire(blocking=False)
    except Timeout:
        owner, sign, boot = lease.owner, _read_sign(path), _read_boot_id().strip().replace("-", "")
        is_of_here = owner is not None and boot != "" and (owner.start or 0) >> 64 == int(boot, 16)
        most = _LEASE_SECONDS if owner is not None else _NAMELESS_SECONDS
        if not (is_of_here or _is_silent(path, most)) or _read_sign(path) != sign:
            raise
        lease.force_break()
        lease.acquire(blocking=False)


def _is_silent(path: Path, most: float) -> bool:
    """Tell whether a lease is older than so many seconds, by the clock that the file system gives both times by."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as new, _find_lease(path).open("rb") as lease:  # opened: as it is now
            times = [os.fstat(file.fileno()).st_mtime for file in (new, lease)]
    except FileNotFoundError:
        return False
    return times[0] - times[1] > most


def _read_sign(path: Path) -> tuple[int, int] | None:
    """Read the last sign of life of a lock's holder."""
    try:
        facts = _find_lease(path).stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns


def _read_holder(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(_build_holder_path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _build_holder_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")


def _is_in_use(temporary: Path) -> bool:
    """Tell if a file or folder under a temporary name may still be written to."""
    machine, _, rest = temporary.name.rpartition(".part")[0].rpartition(".")[2].partition("-")
    if machine == _name_machine() and rest.count("-") == 2:
        pid, started, _ = rest.split("-")
        return _is_process_running(int(pid), started)
    try:
        return time.time() - temporary.stat().st_mtime < _LEFT_BY_OTHERS_SECONDS
    except FileNotFoundError:
        return False


@functools.cache
def _name_machine() -> str:
    """Name the set of processes that this one's number is unique in: host, its boot, its PID namespace."""
    host = re.sub(r"\W", "_", platform.node())[:32]
    facts = [_read_boot_id()]
    namespace = _read_or_empty(lambda: os.readlink("/proc/self/ns/pid"))
    if not namespace and sys.platform == "linux":
        namespace = uuid.uuid4().hex  # a container without its own /proc: nobody knows what a number means there
    facts.append(namespace)
    return f"{host}_{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:8]}"


def _read_boot_id() -> str:
    return _read_or_empty(Path("/proc/sys/kernel/random/boot_id").read_text)


def _read_or_empty(read: Callable[[], str]) -> str:
    try:
        return read()
    except (OSError, AttributeError):
        return ""


def _is_process_running(pid: int, started: str) -> bool:
    """Tell if a process of this machine still runs; its number may have gone to another one, which started later."""
    if os.name != "posix":  # signal 0 would end a process on Windows
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return (_start_of(pid) or started) == started


def _start_of(pid: int) -> str | None:
    """Find when a process started, in clock ticks since the machine did.

    None where the system does not say it, ``-`` for one that has ended and waits for its parent.
    """
    stat = _read_or_empty(Path(f"/proc/{pid}/stat").read_text)
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    if len(fields) < 20:
        return None
    return "-" if fields[0] == "Z" else fields[19]


def _sync(path: Path) -> None:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
