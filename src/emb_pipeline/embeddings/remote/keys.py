"""Keys of endpoints: read where they are used, and kept out of everything that is written."""

from __future__ import annotations

import os

from emb_pipeline.errors import DataError
from emb_pipeline.redaction import hide_secret


def read_key(name: str | None) -> str | None:
    """Read a key from the environment, where `emb_pipeline.hooks.api_keys` puts those of ``credentials.yml``, too.

    From here on the key is hidden in every log message and error of this process.

    Raises
    ------
    DataError
        There is none under this name.
    """
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise DataError(
            f"key {name}",
            "is not set",
            f"export {name}=…, or write 'api_keys: {{{name}: …}}' into conf/local/credentials.yml, which git ignores",
        )
    hide_secret(key)
    return key
