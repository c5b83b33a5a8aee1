"""The options of what is read from the docstrings of installed packages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.readers.options import Source


class PackagesSource(Source):
    """A source of all docstrings of some installed packages."""

    packages: tuple[str, ...] = Field(min_length=1, description="import names of the packages: numpy, sklearn, …")

    @property
    def origin(self) -> str:
        """The word that stands for all packages together."""
        return "docstrings"


class DocstringsSource(PackagesSource):
    """Docstrings of installed Python packages, without doctests and "See Also" (`docstring_links` has its labels there)."""

    reader: Literal["docstrings"] = "docstrings"


class DocstringSubpackagesSource(PackagesSource):
    """Classification: which sub-package does a docstring's first paragraph belong to."""

    reader: Literal["docstring_subpackages"] = "docstring_subpackages"
    min_examples: int = Field(default=150, ge=2, description="examples that a sub-package needs to be a class")
    min_tokens: int = Field(default=4, ge=1, description="tokens that a summary needs to be an example")
    test_share: float = Field(default=0.3, gt=0, lt=1, description="share of the distinct summaries held out for testing")


class DocstringRetrievalSource(PackagesSource):
    """Retrieval: find a docstring's body by its first paragraph."""

    reader: Literal["docstring_retrieval"] = "docstring_retrieval"
    max_queries: int = Field(default=2_000, ge=1, description="queries, sampled by their hash from the held-out summaries")
    training_queries: int = Field(
        default=0,
        ge=0,
        description="further queries, not evaluated on and of passages that are searched anyway, to fine-tune embeddings on",
    )
    max_passages: int | None = Field(
        default=None,
        ge=1,
        description="passages at most: answers of the evaluated queries, and of the others a sample by hash; null: all",
    )
    min_tokens: int = Field(default=4, ge=1, description="tokens that a summary needs to be a query")
    min_body_tokens: int = Field(default=20, ge=1, description="tokens that a body needs to be a passage")
    test_share: float = Field(default=0.3, gt=0, lt=1, description="share of the distinct summaries held out for testing")


class DocstringLinksSource(PackagesSource):
    """Similarity: summaries of functions that name one another under "See Also", against others of their sub-package."""

    reader: Literal["docstring_links"] = "docstring_links"
    max_links: int = Field(
        default=1_000, ge=10, description="linked pairs, sampled by hash; as many unlinked ones are added"
    )
    min_tokens: int = Field(default=4, ge=1, description="tokens that a summary needs")


class DocstringMentionsSource(PackagesSource):
    """Sequence labeling: classes, functions and parameters that docstrings mark up, with the mark-up taken away."""

    reader: Literal["docstring_mentions"] = "docstring_mentions"
    max_sentences: int = Field(default=4_000, ge=50, description="sentences, sampled by hash")
    test_share: float = Field(default=0.3, gt=0, lt=1, description="share of the distinct sentences held out for testing")
