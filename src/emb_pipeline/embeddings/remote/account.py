"""Money spent on one model of one endpoint: a file that all runs and workers of a project share.

A request reserves the most that it can cost before it is sent, and settles what it did cost when it is answered. What a
killed process had reserved counts as spent, for the service may have billed it. So the sum never exceeds the budget.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emb_pipeline.embeddings.remote.options import EndpointOptions
from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import has_ended, hold_lock, name_this_process, write_atomically
from emb_pipeline.storage.sealed_files import read_json, write_json

STATE = "endpoints"
"""Folder in the store of encodings that holds accounts, and facts that were paid for."""
_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
_TIMEOUTS = 10
"""Timeouts of a request after which its process, on a machine that cannot be asked, is taken to have ended."""
_TOKENS_PER_BYTE = 0.25
"""Before the first answer: English text has about four bytes a token."""
_THREADS: dict[str, threading.RLock] = {}
"""One lock for each file: threads of this process need not ask the operating system."""


class BudgetError(DataError):
    """The next request could cost more than what is left of a budget."""


@dataclass
class Spending:
    """The content of a account.

    Attributes
    ----------
    spent_usd : float
        For requests that were answered.
    lost_usd : float
        The most that requests without an answer can have cost: of killed runs, and where a connection broke.
    tokens, n_bytes, texts, requests : int
        Of requests that were answered; bytes are those of the texts.
    by_purpose : dict of str to float
        US dollars by what they were spent for: encode, drift, latency, dimension, rerank.
    reserved : dict of str to list
        Process, US dollars and start of each request that is under way.
    """

    spent_usd: float = 0.0
    lost_usd: float = 0.0
    tokens: int = 0
    n_bytes: int = 0
    texts: int = 0
    requests: int = 0
    by_purpose: dict[str, float] = field(default_factory=dict)
    reserved: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def gone_usd(self) -> float:
        """US dollars that are spent or lost."""
        return self.spent_usd + self.lost_usd

    @property
    def tokens_per_byte(self) -> float:
        """Tokens in a byte of text, as the answers so far say it."""
        return self.tokens / self.n_bytes if self.n_bytes and self.tokens else _TOKENS_PER_BYTE


class Account:
    """The account of one model.

    Parameters
    ----------
    options : EndpointOptions
        Address, model and budget.
    folder : Path, optional
        Where the file is; without it, this process alone keeps the account.
    """

    def __init__(self, options: EndpointOptions, folder: Path | None = None) -> None:
        self._options = options
        self.path = None if folder is None else folder / f"{_name_file(options)}.json"
        self._in_memory = Spending()
        self._memory_lock = threading.RLock()

    def read(self) -> Spending:
        """Read what is spent."""
        with self._locked():
            return self._load()

    def reserve(self, usd: float) -> str:
        """Reserve the most that a request can cost; waits for other requests whose reservations may turn out smaller.

        Raises
        ------
        BudgetError
            The request might exceed the budget.
        """
        number = uuid.uuid4().hex
        while True:
            with self._locked():
                spending = self._load()
                self._take_over_from_ended(spending)
                budget = self._options.budget_usd
                under_way = sum(entry[1] for entry in spending.reserved.values())
                if budget is None or spending.gone_usd + under_way + usd <= budget:
                    spending.reserved[number] = [name_this_process(), usd, time.time()]
                    self._save(spending)
                    return number
                if not under_way:
                    raise BudgetError(
                        self._options.place,
                        f"${spending.gone_usd:.6f} of the budget of ${budget:g} are spent, and the next request can cost "
                        f"${usd:.6f}",
                        self.remedy("what was answered is stored, and is not paid again"),
                    )
            time.sleep(_POLL_SECONDS)

    def settle(self, number: str, usd: float, *, purpose: str, tokens: int, n_bytes: int, texts: int) -> Spending:
        """Note what a request did cost, in place of what was reserved for it; gives the account after it."""
        with self._locked():
            spending = self._load()
            spending.reserved.pop(number, None)
            spending.spent_usd += usd
            spending.tokens += tokens
            spending.n_bytes += n_bytes
            spending.texts += texts
            spending.requests += 1
            spending.by_purpose[purpose] = spending.by_purpose.get(purpose, 0.0) + usd
            self._save(spending)
            return spending

    def release(self, number: str, *, maybe_billed: bool) -> None:
        """Give up a request without an answer: its reservation is lost where the service may have billed it."""
        with self._locked():
            spending = self._load()
            entry = spending.reserved.pop(number, None)
            if entry is not None and maybe_billed:
                spending.lost_usd += entry[1]
            self._save(spending)

    def announce(self, n_texts: int, n_bytes: int, n_requests: int, what: str) -> dict[str, float]:
        """Estimate what texts will cost as `estimate` does, and refuse what the budget does not allow.

        Raises
        ------
        BudgetError
            The estimate is above what is left.
        """
        found, gone, budget = (
            self.estimate(n_texts, n_bytes, n_requests, what),
            self.read().gone_usd,
            self._options.budget_usd,
        )
        if n_texts and budget is not None and gone + found["usd"] > budget:
            raise BudgetError(
                self._options.place,
                f"{n_texts} {what.partition(' ')[0]} need about {found['tokens']:.0f} tokens and ${found['usd']:.6f}; "
                f"of the budget of ${budget:g}, ${gone:.6f} are spent",
                self.remedy("nothing was sent"),
            )
        return found

    def estimate(self, n_texts: int, n_bytes: int, n_requests: int, what: str) -> dict[str, float]:
        """Estimate what texts will cost, and log it.

        Parameters
        ----------
        n_texts, n_bytes, n_requests : int
            Texts to send, their bytes, and the requests that they take.
        what : str
            The texts, in the log: "texts to encode".

        Returns
        -------
        dict of str to float
            texts, tokens and usd; the last is NaN where the price is unknown.
        """
        if not n_texts:
            return {"texts": 0, "tokens": 0.0, "usd": 0.0}
        options = self._options
        tokens = n_bytes * self.read().tokens_per_byte
        usd = options.price(tokens, n_requests) if options.has_price else float("nan")
        unknown = "at a price that is unknown ('price_per_million_tokens')"
        money = f"about ${usd:.6f}" if options.has_price else unknown
        _log.info("%s: %d %s, about %.0f tokens, %s", options.place, n_texts, what, tokens, money, extra={"is_notice": True})
        return {"texts": n_texts, "tokens": tokens, "usd": usd}

    def remedy(self, note: str) -> str:
        """Say how a run goes on after its budget was reached."""
        where = "" if self.path is None else f" (the account: {self.path})"
        return f"{note}; to go on, raise 'budget_usd'{where}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self.path is None:
            with self._memory_lock:
                yield
            return
        with (
            _THREADS.setdefault(str(self.path), threading.RLock()),
            hold_lock(self.path.with_name(f".{self.path.stem}.lock"), what="noting what a request cost"),
        ):
            yield

    def _load(self) -> Spending:
        if self.path is None or not self.path.exists():
            return self._in_memory if self.path is None else Spending()
        remedy = "put it back from a backup, or remove it: what was spent before does not count towards budgets then"
        facts = read_json(self.path, remedy)
        try:
            return Spending(**{name: value for name, value in facts.items() if name not in ("base_url", "model")})
        except TypeError as error:
            raise DataError(str(self.path), f"is no account of an endpoint ({error})", remedy) from error

    def _save(self, spending: Spending) -> None:
        if self.path is None:
            return
        with write_atomically(self.path) as part:
            write_json({"base_url": self._options.base_url, "model": self._options.model, **asdict(spending)}, part)

    def _take_over_from_ended(self, spending: Spending) -> None:
        """Count as lost what processes had reserved that no longer run; those of other machines by their age."""
        for number, (process, usd, since) in list(spending.reserved.items()):
            is_old = time.time() - since > _TIMEOUTS * self._options.timeout_seconds + 60
            if process != name_this_process() and (has_ended(process) or is_old):
                del spending.reserved[number]
                spending.lost_usd += usd


def _name_file(options: EndpointOptions) -> str:
    """Name the file of a model at an address so that people find it."""
    digest = hashlib.sha256(f"{options.base_url}\0{options.model}".encode()).hexdigest()[:12]
    shown = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{urlsplit(options.base_url).hostname}_{options.model}")[:80]
    return f"{shown}-{digest}"


def read_gone_usd(encodings: Path) -> float:
    """Read the US dollars that are spent or lost, of all accounts of a store of encodings."""
    files = sorted((encodings / STATE).glob("*.json"))
    read = [read_json(file, "put it back from a backup, or remove it") for file in files]
    return sum(float(facts["spent_usd"]) + float(facts["lost_usd"]) for facts in read if "spent_usd" in facts)
