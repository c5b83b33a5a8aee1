"""Late interaction (ColBERT): passages are searched by the vectors of all of their tokens, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.embeddings.learned.maxsim import score_passages
from emb_pipeline.embeddings.learned.options import LateInteractionOptions
from emb_pipeline.embeddings.learned.token_encoder import TokenEncoder
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits, rank_scores
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.storage.vector_rows import TokenRows, TokenVectors, read_whole

_BASE, _VECTORS = "base", "vectors.parquet"


def build_late_interaction(
    options: LateInteractionOptions, artifact: EncoderFolder, encodings: Path | None = None
) -> LateInteraction:
    """Search with a model's token vectors; given a store, a text is encoded once."""
    encoder = TokenEncoder(artifact, options)
    stored = encoder if encodings is None else StoredEncoder(encoder, encodings)
    return LateInteraction(stored, options.block_megabytes << 20, encoder.takes_mean)


@dataclass(frozen=True)
class LateInteraction:
    """Search by MaxSim.

    An index holds the vectors of all tokens in memory: 4 bytes for each dimension of each token, 2 in float16. So 2,000
    passages of 170 tokens take 175 MB with 128 dimensions.

    Attributes
    ----------
    base : TokenEncoder or StoredEncoder
        Gives the vectors of tokens.
    block_bytes : int
        Products of tokens that are held at a time.
    takes_mean : bool
        Whether a score is divided by the tokens of the query.
    """

    base: Any
    block_bytes: int = 1 << 28
    takes_mean: bool = False

    def index(self, passages: Sequence[str]) -> LateInteractionIndex:
        """Encode the tokens of passages."""
        vectors = self.base.encode(passages, role="passage")
        return LateInteractionIndex(self.base, vectors, hashes(passages), self.block_bytes, self.takes_mean)


@dataclass(frozen=True, eq=False)
class LateInteractionIndex:
    """Vectors of all tokens of some passages.

    Attributes
    ----------
    encoder : TokenEncoder or StoredEncoder
        Encodes the queries.
    vectors : TokenVectors
        Of the passages.
    passage_hashes : ndarray of shape (n_passages,), uint64
        The order of equal scores.
    block_bytes : int
        Products of tokens that are held at a time.
    takes_mean : bool
        Whether a score is divided by the tokens of the query.
    """

    encoder: Any
    vectors: TokenVectors
    passage_hashes: np.ndarray
    block_bytes: int
    takes_mean: bool
    export_format: ClassVar[str] = "late_interaction"

    @property
    def n_bytes(self) -> int:
        """Memory of all vectors, and of where each passage's start."""
        return self.vectors.nbytes

    @property
    def details(self) -> dict[str, Any]:
        """Facts of the index: how many vectors a passage takes."""
        return {"vectors_per_passage": float(self.vectors.counts.mean())}

    @property
    def unstored(self) -> LateInteractionIndex:
        """The same, encoding again what is in store."""
        return replace(self, encoder=getattr(self.encoder, "unstored", self.encoder))

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """Find the best passages of each query: see `search_scored`."""
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Find the passages with the largest MaxSim; of few passages to rank among, only those are scored.

        Nothing is found by a query that the encoder knows nothing of.
        """
        return rank_scores(self.score_all(queries, among), k, TieOrder(hashes(queries), self.passage_hashes), among)

    def score_all(self, queries: Sequence[str], among: sp.csr_array | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Compute the MaxSim of each query with all passages; of few to rank among, of those alone."""
        asked = self.encoder.encode(queries, role="query")
        columns = np.arange(len(self.passage_hashes)) if among is None else np.unique(among.indices)
        searched = self.vectors if len(columns) == len(self.vectors) else self.vectors.take(columns)
        known = find_known(self.encoder, queries, asked)
        for rows, scored in score_passages(asked, searched, block_bytes=self.block_bytes):
            scores = np.full((len(scored), len(self.vectors)), NOTHING)
            scores[:, columns] = scored / np.maximum(asked.counts[rows, None], 1) if self.takes_mean else scored
            scores[~known[rows]] = NOTHING
            yield rows, scores

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the encoder in a folder of its own, and the vectors of the passages' tokens as one Parquet file."""
        write_embedding(self.encoder, folder / _BASE)
        precision: Any = self.vectors.vectors.dtype.name
        rows = TokenRows(self.vectors.vectors.shape[1], precision)
        table = pa.table({"hash": self.passage_hashes, "vectors": rows.make_column(self.vectors)})
        write_parquet(table, folder / _VECTORS)
        return {
            "dim": rows.dim,
            "precision": rows.precision,
            "block_bytes": self.block_bytes,
            "takes_mean": self.takes_mean,
        }

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> LateInteractionIndex:
        """Read the index that `write_state` wrote."""
        table = read_parquet(folder / _VECTORS, columns=("hash", "vectors"), remedy=EXPORT_AGAIN)
        vectors = read_whole(TokenRows(facts["dim"], facts["precision"]), table["vectors"])
        encoder, hashes_of_passages = read_embedding(folder / _BASE), table["hash"].to_numpy()
        return cls(encoder, vectors, hashes_of_passages, facts["block_bytes"], facts["takes_mean"])
