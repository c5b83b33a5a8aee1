from .pipeline import build, build_export

__all__ = ["build", "build_export"]
