from .pipeline import build

__all__ = ["build"]
