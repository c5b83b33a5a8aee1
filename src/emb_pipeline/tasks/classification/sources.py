"""Sources of labeled texts: every reader of them, and two of them as one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from emb_pipeline.readers import registry
from emb_pipeline.readers.options import Source
from emb_pipeline.readers.registry import Reader, build_source_type, by_name
from emb_pipeline.text.tokenizer import Tokenizer

LABELED_TEXTS = by_name(*(reader for reader in registry.READERS.values() if reader.labeled_texts))
"""Readers of labeled texts, by name."""

if TYPE_CHECKING:
    LabeledTextSource: TypeAlias = Any
else:
    LabeledTextSource = build_source_type(LABELED_TEXTS.values())


class TransferSource(Source):
    """Two sources of labeled texts: a probe learns from the first, and is tested on the second.

    Ids and groups are those of the sources; the same name in both is not the same example.
    """

    reader: Literal["transfer"] = "transfer"
    train: LabeledTextSource = Field(
        description="source of the training part, with a reader of labeled texts; of one with a split, all but its test part"
    )
    test: LabeledTextSource = Field(
        description="source of the test part, with a reader of labeled texts; of one with a split, its test part alone"
    )
    train_labels: dict[str, str] = Field(
        default_factory=dict, description="other names for labels of the training part; a label without one keeps its name"
    )
    test_labels: dict[str, str] = Field(default_factory=dict, description="the same for the test part")
    other_labels: Literal["refuse", "leave_out"] = Field(
        default="refuse",
        description="what to do with classes that one part alone has; leave_out: their texts are not used, and counted",
    )
    seen: Literal["keep", "leave_out"] = Field(
        default="keep",
        description="test texts that are in the training part, too, or nearly: keep counts them in the audit, leave_out "
        "takes them out of the test part",
    )

    @model_validator(mode="after")
    def _have_one_tokenizer(self) -> Self:
        of_train, of_test = (getattr(part, "tokenizer", "default") for part in (self.train, self.test))
        if of_train != of_test:
            raise ValueError(f"train has the tokenizer {of_train} and test {of_test}: give both the same one")
        if any(getattr(part, "features", None) is not None for part in (self.train, self.test)):
            raise ValueError("a transfer is one of texts: leave 'features' out of both parts")
        if getattr(self.train, "time", None) and not getattr(self.test, "time", None):
            raise ValueError("'time' is of texts that are tested on: name the column of the test part, or leave it out")
        return self

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of both."""
        chosen: Tokenizer = getattr(self.train, "tokenizer", "default")
        return chosen

    @property
    def time(self) -> str | None:
        """The column with the time of the test part's texts."""
        return getattr(self.test, "time", None)

    @property
    def origin(self) -> str:
        """Files, or places, of both."""
        return " to ".join(getattr(part, "files", None) or part.origin for part in (self.train, self.test))


READERS = by_name(
    Reader(
        "transfer",
        TransferSource,
        examples="tasks.classification.transfer:read_examples",
        first_rows="tasks.classification.transfer:check_first_rows",
    )
)
"""Readers of classification alone."""
