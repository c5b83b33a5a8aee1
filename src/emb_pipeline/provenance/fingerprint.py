"""A fingerprint: a hash over what a result is made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

CODE, INPUT = "code", "input"
"""Name of the ingredient that is the code; first word of the names of those that are other results."""


class Fingerprint(str):
    """A hash over ingredients, which it keeps to say what has changed.

    Attributes
    ----------
    ingredients : mapping of str to str
        A short hash of each ingredient.
    """

    ingredients: Mapping[str, str]

    @classmethod
    def of(cls, ingredients: Mapping[str, str]) -> Fingerprint:
        """Make the fingerprint of these ingredients, by name."""
        made = cls(hashlib.sha256(json.dumps(list(ingredients.items())).encode()).hexdigest())
        made.ingredients = {name: hashlib.sha256(value.encode()).hexdigest()[:16] for name, value in ingredients.items()}
        return made
