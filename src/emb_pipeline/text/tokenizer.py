"""The choice of how texts become words."""

from typing import Literal

Tokenizer = Literal["default", "whitespace"]
TOKENIZER = (
    "how texts become words: default (letters and digits; pairs of characters in scripts without spaces), or whitespace "
    "(the text is cut into words already)"
)
"""Description of the option in YAML."""
