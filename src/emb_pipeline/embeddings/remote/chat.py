"""Texts that a chat model writes, from an OpenAI-compatible endpoint."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emb_pipeline.embeddings.remote.account import Account
from emb_pipeline.embeddings.remote.batches import count_bytes
from emb_pipeline.embeddings.remote.endpoint import Endpoint
from emb_pipeline.embeddings.remote.options import ChatOptions
from emb_pipeline.embeddings.remote.sending import send_in_parts
from emb_pipeline.errors import DataError


class ChatClient:
    """A chat model behind an endpoint.

    Parameters
    ----------
    options : ChatOptions
        The endpoint.
    folder : Path, optional
        Where the account of its money is; without it, this process alone keeps it.
    """

    def __init__(self, options: ChatOptions, folder: Path | None = None) -> None:
        self.options = options
        self.account = Account(options, folder)
        self._endpoint = Endpoint(options, "chat/completions", self.account)

    def complete(self, prompts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Send prompts, several at a time, and give the number and the answer of each as they come.

        Raises
        ------
        DataError
            The endpoint does not answer, or with something else than a text; a key or a model that it refuses; a budget that
            is reached. What was answered before comes first.
        """

        def ask(rows: np.ndarray, stopped: threading.Event) -> str:
            return self._ask(prompts[int(rows[0])], stopped)

        batches = [np.array([number]) for number in range(len(prompts))]
        for rows, text in send_in_parts(batches, ask, self.options.concurrency):
            yield int(rows[0]), text

    def _ask(self, prompt: str, stopped: threading.Event) -> str:
        body: dict[str, Any] = {
            "model": self.options.model,
            "messages": [{"role": "user", "content": prompt}],
            self.options.max_tokens_field: self.options.max_tokens,
        }
        if self.options.temperature is not None:
            body["temperature"] = self.options.temperature
        # A token has a byte or more, so the answer's tokens are counted as bytes of the request.
        n_bytes = int(count_bytes([prompt])[0]) + self.options.max_tokens
        body |= self.options.extra
        answer = self._endpoint.post(body, n_bytes=n_bytes, texts=1, purpose="chat", stopped=stopped)
        try:
            text = answer.content["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            raise DataError(
                self.options.place,
                "gave an answer without choices[0].message.content",
                "see that base_url is that of a chat model by OpenAI's protocol",
            )
        return text
