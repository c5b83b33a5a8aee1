"""Options of transformers, and of training them: units, ranges and defaults."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, get_args

from pydantic import AliasChoices, Field, model_validator

from emb_pipeline.embeddings.options import Options, TuningOptions, list_files

Pooling: TypeAlias = Literal["mean", "cls", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


class ModelPlace(Options):
    """The place of a model that somebody else trained."""

    may_start_elsewhere: ClassVar[bool] = False
    """Whether the model may come from another embedding of the grid instead."""
    model_word: ClassVar[str] = "model"
    """The word for such a model."""

    path: Annotated[Path | None, Field(description="folder of the model")] = None
    package: Annotated[
        str | None, Field(min_length=1, description="installed Python package that carries the model; it is not imported")
    ] = None
    hub: Annotated[str | None, Field(min_length=1, description="name in the model hub: organisation/model")] = None
    revision: Annotated[
        str | None, Field(pattern="^[0-9a-f]{40}$", description="commit of the hub's repository, so that it cannot change")
    ] = None
    local_files_only: Annotated[
        bool, Field(description="hub: take the model from this machine's cache, and refuse it where it is not there")
    ] = False
    sha256: Annotated[
        str | None, Field(pattern="^[0-9a-f]{64}$", description="expected SHA-256 of model.safetensors; another is refused")
    ] = None

    @property
    def n_places(self) -> int:
        """Places that are named."""
        return sum(place is not None for place in (self.path, self.package, self.hub))

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.n_places != 1 and not (self.n_places == 0 and self.may_start_elsewhere):
            raise ValueError("name exactly one of 'path' (a folder), 'package' (an installed one) and 'hub'")
        if (self.hub is None) != (self.revision is None):
            raise ValueError("'revision' (40 hexadecimal digits) goes with 'hub': without it the model could change")
        if self.local_files_only and self.hub is None:
            raise ValueError("'local_files_only' goes with 'hub': a path and a package are always on this machine")
        return self

    def check_start(self, *, is_given: bool) -> None:
        """Refuse a model together with an encoder to start from, and neither of both."""
        if is_given and self.n_places:
            raise ValueError("there is one model: leave out 'start_from', or 'path', 'package' and 'hub'")
        if not is_given and not self.n_places:
            raise ValueError(
                f"it needs a {self.model_word}: name its 'path', 'package' or 'hub' under options, or as start_from an "
                "encoder of the grid to fine-tune"
            )

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the model's files; none of the hub's, whose revision is fixed."""
        spec = importlib.util.find_spec(self.package) if self.package and self.package.isidentifier() else None
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec is not None else []
        carried = [file for folder in folders for file in list_files(folder) if file.is_file()]
        return [*super().find_files(raw, project), *carried]


class ReadingOptions(Options):
    """Options by which a transformer reads a text: its prompt, its length, and what computes."""

    query_prompt: Annotated[
        str | None,
        Field(max_length=1000, description="put before a text that is searched for; null: the model's own; '': none"),
    ] = None
    passage_prompt: Annotated[
        str | None,
        Field(max_length=1000, description="put before a text that is searched; null: the model's own; '': none"),
    ] = None
    text_prompt: Annotated[
        str | None,
        Field(
            max_length=1000,
            description="put before the texts of all other tasks; null: passage_prompt where you set it, else the model's "
            "default; '': none",
        ),
    ] = None
    max_length: Annotated[
        int | None,
        Field(ge=8, le=8192, description="sub-word tokens that are read of a text; null: as many as the model can"),
    ] = None
    batch_tokens: Annotated[
        Annotated[int, Field(ge=64, le=1_000_000)] | Literal["auto"],
        Field(description="sub-word tokens of one batch at most; auto: by what computes and its free memory"),
    ] = 1024
    dtype: Annotated[
        Literal["float32", "bfloat16", "auto"],
        Field(
            description="precision of PyTorch's arithmetic; auto: bfloat16 where the processor computes in it, else float32"
        ),
    ] = "float32"
    device: Annotated[
        Literal["cpu", "cuda", "mps", "auto"],
        Field(
            description="what computes: cuda needs a GPU and PyTorch's CUDA build, mps a Mac; auto takes what is there, and "
            "vectors of different devices differ in rounding"
        ),
    ] = "cpu"


class EncoderOptions(ReadingOptions):
    """Options by which a transformer makes one vector of a text."""

    pooling: Annotated[
        Literal["model"] | Pooling,
        Field(
            description="which token vectors become the text's: as the model was saved with (else mean; lasttoken for a "
            "decoder), mean, cls, max, lasttoken, weightedmean (later tokens count more), mean_sqrt_len_tokens"
        ),
    ] = "model"
    truncate_dim: Annotated[
        int | None,
        Field(ge=1, description="first dimensions of a vector that are kept; null: as many as the model was saved with"),
    ] = None
    layer: Annotated[int, Field(ge=-48, le=48, description="hidden layer that is pooled; -1 is the last, 0 the input")] = -1
    normalize: Annotated[
        bool | None,
        Field(
            description="scale vectors to length 1; null: as the model was saved with",
            validation_alias=AliasChoices("normalize", "normalise"),  # bundles have the name that it was written with
        ),
    ] = None
    similarity: Annotated[
        Literal["model", "cosine", "dot", "euclidean", "manhattan"],
        Field(
            description="measure that compares two vectors in search and similarity: as the model was saved with (else "
            "cosine), cosine, dot, euclidean; manhattan for similarity alone"
        ),
    ] = "model"
    long_texts: Annotated[
        Literal["truncate", "chunk_mean", "chunk_max"],
        Field(
            description="a text longer than max_length: truncate reads its start alone; chunk_mean and chunk_max read all "
            "of it in chunks of that length and take the mean (by sub-words) or the maximum of their vectors"
        ),
    ] = "truncate"
    chunk_overlap: Annotated[
        int, Field(ge=0, le=8000, description="sub-words that a chunk has in common with the one before it")
    ] = 0
    backend: Annotated[
        Literal["torch", "onnx", "onnx_int8"],
        Field(description="what computes: PyTorch, or ONNX Runtime with float32 or 8-bit integer weights"),
    ] = "torch"

    @model_validator(mode="after")
    def _chunks_can_overlap(self) -> Self:
        if self.chunk_overlap and self.long_texts == "truncate":
            raise ValueError("'chunk_overlap' needs chunks: set long_texts to chunk_mean or chunk_max")
        if self.max_length is not None and self.chunk_overlap >= self.max_length - 2:
            raise ValueError(f"chunks of {self.max_length} sub-words, 2 of them ends, cannot share {self.chunk_overlap}")
        return self

    @model_validator(mode="after")
    def _onnx_has_its_own_arithmetic(self) -> Self:
        if self.backend != "torch" and (self.dtype != "float32" or self.device != "cpu"):
            raise ValueError(f"backend {self.backend} runs in its own precision on the CPU: leave dtype and device alone")
        return self


class SentenceTransformerOptions(EncoderOptions, ModelPlace):
    """An encoder that somebody else trained: a sentence-transformers or plain transformers model."""


class DistilledOptions(EncoderOptions):
    """Static vectors for a transformer's sub-words, distilled by model2vec: no attention is left at encoding time."""

    dims: Annotated[int, Field(ge=2, le=4096, description="principal components that are kept")] = 256
    sif_a: Annotated[
        float | None, Field(gt=0, lt=1, description="a of the weights a / (a + p) by Zipf rank; null leaves weights out")
    ] = 1e-4


class BertOptions(EncoderOptions):
    """BERT (Devlin et al. 2019) trained by masked-language modelling alone.

    Chosen for a minute of one core; see ``docs/decisions/0006-bert-at-this-size.md``.
    ``layers``, ``heads``, ``vocabulary`` and ``initializer_range`` describe a new model; one that continues from another
    keeps the other's.
    """

    layers: Annotated[int, Field(ge=1, le=48, description="transformer layers")] = 2
    heads: Annotated[int, Field(ge=1, le=64, description="attention heads per layer; must divide the dimension")] = 2
    vocabulary: Annotated[int, Field(ge=100, le=200_000, description="WordPiece sub-tokens at most")] = 8_000
    initializer_range: Annotated[
        float, Field(gt=0, le=1, description="standard deviation of a new model's first weights")
    ] = 0.02
    min_count: Annotated[
        int, Field(ge=1, le=1000, description="occurrences below which a pair of sub-tokens is not merged into a new one")
    ] = 3
    max_length: Annotated[int, Field(ge=8, le=8192, description="sub-tokens per sequence, [CLS] and [SEP] included")] = 64
    batch_size: Annotated[int, Field(ge=1, le=8192, description="sequences per step")] = 16
    learning_rate: Annotated[float, Field(gt=0, le=0.1, description="step size of AdamW at its highest")] = 1e-3
    warmup_steps: Annotated[
        int, Field(ge=0, le=1_000_000, description="steps over which the step size rises, a tenth of all at most")
    ] = 100
    weight_decay: Annotated[float, Field(ge=0, le=1, description="AdamW's decay of matrices per unit of step size")] = 0.01
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of activations set to 0 in training")] = 0.0
    mask_share: Annotated[float, Field(gt=0, lt=1, description="share of the sub-tokens to be predicted")] = 0.3
    whole_words: Annotated[bool, Field(description="mask all sub-tokens of a word together")] = False
    attention: Annotated[
        Literal["full", "causal", "window"],
        Field(
            description="positions that each one attends to, in training and in encoding: all of the sequence; itself and "
            "those before it; or those near it. The objective stays masked-language modelling, also where attention is "
            "causal, so that what a position sees is all that differs. A model that continues from another takes this, too"
        ),
    ] = "full"
    attention_window: Annotated[
        int,
        Field(
            ge=1,
            le=8192,
            description="of attention: window alone: sub-tokens to each side that a layer sees; L layers see L times that",
        ),
    ] = 2
    near_first: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="share of the steps in which attention is near, whatever 'attention' says: 2 sub-words to each "
            "side, and more and more in the last third. Seeing all from the start a small model may never learn to use it",
        ),
    ] = 0.0
    max_tokens: Annotated[int, Field(ge=1, description="sub-tokens to train on, all passes together")] = 600_000
    max_seconds: Annotated[
        float | None, Field(gt=0, description="wall-clock seconds to train at most; null: as long as max_tokens takes")
    ] = None
    checkpoint_seconds: Annotated[
        float, Field(ge=0, description="seconds between checkpoints; 0 writes one after every step")
    ] = 60.0

    @model_validator(mode="after")
    def _require_steps_that_are_known(self) -> Self:
        if self.near_first and self.max_seconds is not None:
            raise ValueError("near_first is a share of max_tokens, and max_seconds may end the training before it; set one")
        return self


class StepOptions(Options):
    """The steps by which a transformer is trained on."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1, description="step size of AdamW for the transformer")] = 5e-5
    warmup_share: Annotated[
        float, Field(ge=0, le=1, description="share of the steps over which the step size rises; then it falls to 0")
    ] = 0.1
    weight_decay: Annotated[float, Field(ge=0, le=1, description="AdamW's decay of matrices per unit of step size")] = 0.01
    max_length: Annotated[
        int | None, Field(ge=8, le=8192, description="sub-words read of a training text; null: as when encoding")
    ] = None
    precision: Annotated[
        Literal["float32", "bfloat16", "auto"],
        Field(description="of the products (autocast); weights stay float32. auto: bfloat16 where the processor has it"),
    ] = "float32"


class TransformerTuningOptions(StepOptions, TuningOptions):
    """A transformer that is trained on."""

    max_examples: Annotated[
        int | None, Field(ge=2, description="training examples to take at most, drawn by the seed; null: all")
    ] = None


class EncoderTuningOptions(TransformerTuningOptions):
    """A transformer trained on with a linear layer on its vectors, or on pairs of query and passage."""

    head_learning_rate: Annotated[float, Field(gt=0, le=0.1, description="the same for the linear layer")] = 1e-3
    lora_rank: Annotated[
        int | None,
        Field(ge=1, le=1024, description="train low-rank additions to the linear layers alone (LoRA), merged at the end"),
    ] = None
    lora_alpha: Annotated[int, Field(ge=1, description="scale of these additions, over their rank")] = 16
    objective: Annotated[
        Literal["classes", "contrast"],
        Field(
            description="classification: a linear layer that tells classes apart, or vectors nearer within a class than "
            "across; a probe on them then predicts"
        ),
    ] = "classes"
    scale: Annotated[
        float,
        Field(
            gt=0,
            le=1000,
            description="pairs, contrast: factor of the cosines before the softmax over the batch; other measures take 1",
        ),
    ] = 20.0
    matryoshka_dims: Annotated[
        tuple[int, ...],
        Field(description="pairs, contrast: also train the first so many dimensions of a vector to work by themselves"),
    ] = ()
