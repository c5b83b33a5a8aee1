"""The keys of services and the addresses of databases, before anything asks one."""

from __future__ import annotations

import os
from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.readers.sql.names import DATABASE


class ApiKeys:
    """Gives code, in this process and its workers, the keys and addresses of ``conf/local/credentials.yml``.

    The library takes every key from the environment, and so do the libraries that it calls: ``HF_TOKEN``, too. What is set
    there already wins.
    """

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Put ``api_keys`` into the environment, each under its own name, and ``databases`` under `DATABASE` and theirs."""
        credentials = context.config_loader["credentials"]
        for name, value in credentials["api_keys"].items():
            os.environ.setdefault(str(name), str(value))
        for name, value in credentials["databases"].items():
            os.environ.setdefault(f"{DATABASE}{str(name).upper()}", str(value))
