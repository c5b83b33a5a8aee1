"""A measurement: the effect of embeddings on the performance of downstream tasks.

The names that users import are here, loaded when they are asked for: ``import emb_pipeline`` itself loads nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emb_pipeline.comparison.compare import compare
    from emb_pipeline.deployment.bundle import Bundle
    from emb_pipeline.embeddings.registry import METHODS
    from emb_pipeline.errors import DataError
    from emb_pipeline.tasks.registry import KINDS

__version__ = "0.1"
__all__ = ["KINDS", "METHODS", "Bundle", "DataError", "__version__", "compare"]

_MODULES = {
    "Bundle": "deployment.bundle",
    "DataError": "errors",
    "KINDS": "tasks.registry",
    "METHODS": "embeddings.registry",
    "compare": "comparison.compare",
}


def __getattr__(name: str) -> Any:
    """Load a name that users import."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """List the names that users import with those that are loaded."""
    return sorted({*globals(), *__all__})
