"""The keys of services, before anything asks one."""

from __future__ import annotations

import os
from typing import Any

from kedro.framework.hooks import hook_impl


class ApiKeys:
    """Gives code, in this process and its workers, the keys of ``conf/local/credentials.yml``.

    The library takes every key from the environment, and so do the libraries that it calls: ``HF_TOKEN``, too. What is set
    there already wins.
    """

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Put the credentials ``api_keys`` into the environment, each under its own name."""
        for name, value in context.config_loader["credentials"]["api_keys"].items():
            os.environ.setdefault(str(name), str(value))
