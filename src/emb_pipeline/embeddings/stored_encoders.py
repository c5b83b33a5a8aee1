"""Embeddings as their trainings left them: references, of which none is loaded before it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.storage.places import find_place

Artifact = TypeVar("Artifact", WordVectors, EncoderFolder)


@dataclass(frozen=True)
class StoredEncoder:
    """One embedding, by what fixes it and by the files that its training left.

    Attributes
    ----------
    name, method, options, dim, seed
        Of its specification.
    vectors, encoder : Path, optional
        File of its word vectors, or folder of its encoder; neither for what needs no training.
    bases : tuple of StoredEncoder
        The embeddings that it builds on, where it is made of others.
    """

    name: str
    method: str
    options: Options
    dim: int | None = None
    seed: int = 0
    vectors: Path | None = None
    encoder: Path | None = None
    bases: tuple[StoredEncoder, ...] = ()

    def load(self, encodings: Path, loaded: dict[str, Any] | None = None) -> Any:
        """Load the encoder; what it has encoded before is not encoded again.

        Parameters
        ----------
        encodings : Path
            Store of what was encoded before.
        loaded : dict, optional
            Encoders that others are made from, by name; new ones are added. A model is loaded once where calls share it.
        """
        known = {} if loaded is None else loaded
        for base in self.bases:
            if base.name not in known:
                known[base.name] = base.load(encodings, known)
        artifact: WordVectors | EncoderFolder | None = None
        if self.vectors is not None:
            artifact = _read(self.vectors, WordVectors.read)
        elif self.encoder is not None:
            artifact = _read(self.encoder, EncoderFolder.read)
        return factory.build_encoder(
            self.method,
            self.options,
            dim=self.dim,
            seed=self.seed,
            artifact=artifact,
            encodings=encodings,
            bases={base.name: known[base.name] for base in self.bases},
        )

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Give the reference as JSON values, with paths relative to a folder."""
        return {
            "name": self.name,
            "method": self.method,
            "options": self.options.model_dump(mode="json"),
            "dim": self.dim,
            "seed": self.seed,
            "vectors": None if self.vectors is None else os.path.relpath(self.vectors, folder),
            "encoder": None if self.encoder is None else os.path.relpath(self.encoder, folder),
            "bases": [base.to_json(folder) for base in self.bases],
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any], folder: Path) -> StoredEncoder:
        """Read what `to_json` gave."""
        paths = {
            name: Path(os.path.normpath(folder / facts[name])) for name in ("vectors", "encoder") if facts[name] is not None
        }
        return cls(
            facts["name"],
            facts["method"],
            METHODS[facts["method"]].options.model_validate(facts["options"]),
            facts["dim"],
            facts["seed"],
            bases=tuple(cls.from_json(base, folder) for base in facts["bases"]),
            **paths,
        )


def _read(path: Path, read: Callable[[Path], Artifact]) -> Artifact:
    """Read what a training left; from a store it is downloaded first, and kept here as long as it is in use."""
    place = find_place(path)
    with place.use() as here:
        artifact = read(here)
        place.keep_for(artifact)
    return artifact


@dataclass(frozen=True)
class StoredEncoders:
    """References to several embeddings.

    Attributes
    ----------
    encoders : tuple of StoredEncoder
    """

    encoders: tuple[StoredEncoder, ...] = ()

    @classmethod
    def join(cls, several: Iterable[StoredEncoders]) -> StoredEncoders:
        """Refer to all embeddings of several such collections."""
        return cls(tuple(encoder for each in several for encoder in each.encoders))

    def by_name(self) -> dict[str, StoredEncoder]:
        """Give the references by the embeddings' names."""
        return {encoder.name: encoder for encoder in self.encoders}

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Give the references as JSON values, with paths relative to a folder."""
        return {"encoders": [encoder.to_json(folder) for encoder in self.encoders]}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any], folder: Path) -> StoredEncoders:
        """Read what `to_json` gave."""
        return cls(tuple(StoredEncoder.from_json(each, folder) for each in facts["encoders"]))
