"""BERT (Devlin et al. 2019): a WordPiece tokenizer and a masked-language model, trained here on a corpus."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder, fingerprint_of
from emb_pipeline.embeddings.contextual.models.attention import limit_attention, write_attention
from emb_pipeline.embeddings.contextual.models.loading import require_device, require_encoder_packages
from emb_pipeline.embeddings.contextual.models.precision import device_in_force
from emb_pipeline.embeddings.contextual.options import BertOptions
from emb_pipeline.embeddings.contextual.training import masking
from emb_pipeline.embeddings.contextual.training.masked_training import OnStep, compute_masked_loss, fit
from emb_pipeline.embeddings.contextual.training.masking import Vocabulary
from emb_pipeline.embeddings.contextual.training.repeatable import repeatable
from emb_pipeline.embeddings.training.request import TrainingClock, TrainingRequest
from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.sealed_files import read_json, write_json
from emb_pipeline.text.tokens import TokenCorpus

if TYPE_CHECKING:
    from transformers import BertForMaskedLM, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_ALPHABET = 1_000
SENTENCES_PER_CHUNK = 10_000


def train(request: TrainingRequest[BertOptions], *, on_step: OnStep | None = None) -> EncoderFolder:
    """Train a masked-language model, from the start or from another one.

    The text is that of the corpus's token lines (tokens joined by a space), the same that all other methods see: also
    when the base was trained elsewhere on raw text. A killed training resumes when called again with the same
    arguments, and ends with the same weights, on a GPU, too (`repeatable`).

    Parameters
    ----------
    request : TrainingRequest
        Of its corpus, 1 % of the sentences are kept out of training, for perplexity. Its ``folder`` gets ``model/`` in
        transformers' format and ``encoder.json``, written whole or not at all. Its ``base`` is the folder of an encoder, or
        one in transformers' format, of a BERT to continue from (domain-adaptive pre-training, Gururangan et al. 2020):
        tokenizer and shape are kept. On a GPU the same seed gives the same bytes with any number of workers.
    on_step : callable, optional
        Called after each step with its number and loss.

    Returns
    -------
    EncoderFolder
        That of ``folder``.

    Raises
    ------
    DataError
        The base cannot be continued from, or the corpus has no sentence to train on.
    ValueError
        The dimension cannot be divided by the heads, or a GPU is asked for where there is none.
    """
    import torch

    clock, start = TrainingClock(), time.perf_counter()
    tokens, options, dim, seed, base = request.corpus, request.options, request.dim, request.seed, request.base
    folder, checkpoints = request.require_folders()
    require(options)
    with _limit_threads(request.workers), repeatable(device_in_force(options.device)):
        identity = {
            "corpus": tokens.fingerprint,
            "dim": dim,
            "options": options.model_dump(mode="json", exclude={"checkpoint_seconds"}),
            "seed": seed,
            "base": fingerprint_of(_find_model(base)) if base else None,
        }
        torch.manual_seed(seed)  # first weights: of a whole model, or of a head that the base lacks
        model, tokenizer = _read_model(base, dim, options) if base else (None, None)
        data = checkpoints / "data"
        if not _is_prepared(data, identity):
            with write_atomically(data) as partial:
                _prepare(tokens, tokenizer or train_tokenizer(tokens, options), options, identity, partial)
        tokenizer = tokenizer or _read_tokenizer(data / "tokenizer")
        if model is None:
            if dim is None:
                raise ValueError("a new model needs a dimension")
            model = _make_model(len(tokenizer), dim, options)
        dim = int(model.config.hidden_size)
        torch.nn.Module.to(model, device_in_force(options.device))
        vocabulary = _describe_vocabulary(tokenizer)
        training = masking.read_blocks(data / "training.bin", options.max_length)
        held_out = masking.read_blocks(data / "held_out.bin", options.max_length)
        if not len(training):
            raise DataError(str(tokens.tokens_path), "has no sentence to train on", "give a larger corpus")
        before = _measure_perplexity(model, held_out, vocabulary) if base else None
        fitted = fit(
            model,
            training,
            vocabulary,
            options=options,
            seed=seed,
            checkpoint=checkpoints / "checkpoint",
            identity=identity,
            start=start,
            on_step=on_step,
        )
        provenance = clock.record(
            "bert",
            replace(request, dim=dim),
            libraries=("torch", "transformers", "tokenizers", "numpy"),
            train_seconds=round(fitted["seconds"], 3),
            steps=fitted["steps"],
            sub_tokens=fitted["sub_tokens"],
            losses=fitted["losses"],
            perplexity=_measure_perplexity(model, held_out, vocabulary),
            perplexity_before=before,
            held_out_blocks=len(held_out),
            base_fingerprint=identity["base"],
        )
    with write_atomically(folder) as partial:
        torch.nn.Module.to(model, "cpu").save_pretrained(partial / "model")
        tokenizer.save_pretrained(partial / "model")
        EncoderFolder.write(
            partial, format="transformers", dim=dim, vocabulary=len(tokenizer), input="tokens", provenance=provenance
        )
    del training, held_out  # memory maps hold their files open
    shutil.rmtree(checkpoints)
    return EncoderFolder.read(folder)


def require(options: BertOptions) -> None:
    """Refuse a GPU or a package that is not there.

    Raises
    ------
    DataError
        Says how to do without.
    """
    require_encoder_packages("bert", options)
    require_device(options)


def train_tokenizer(tokens: TokenCorpus, options: BertOptions) -> PreTrainedTokenizerFast:
    """Train a WordPiece tokenizer with at most ``options.vocabulary`` sub-tokens, lower case, accents kept.

    The same corpus gives the same tokenizer: the trainer numbers the characters inside words by the order of a hash map,
    and breaks ties by number, so they are given to it beforehand, in order; which of more than `MAX_ALPHABET` characters it
    leaves out depends on that order, too.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertTokenizer

    counts: Counter[str] = Counter()
    for token, count in tokens.counts.items():
        for character in token:
            counts[character] += count
    alphabet = sorted(sorted(counts, key=lambda character: (-counts[character], character))[:MAX_ALPHABET])
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=options.vocabulary,
        min_frequency=options.min_count,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        special_tokens=[*SPECIAL, *alphabet, *(f"##{character}" for character in alphabet)],
        show_progress=False,
    )
    learner.train_from_iterator((" ".join(sentence) for sentence in tokens), trainer)
    return BertTokenizer(
        vocab=learner.get_vocab(), do_lower_case=True, strip_accents=False, model_max_length=options.max_length
    )


def _prepare(
    tokens: TokenCorpus,
    tokenizer: PreTrainedTokenizerFast,
    options: BertOptions,
    identity: dict[str, Any],
    folder: Path,
) -> None:
    """Write the tokenizer, the blocks to train on and the blocks held out."""
    vocabulary = _describe_vocabulary(tokenizer)

    def blocks(of_held_out: bool) -> Iterator[np.ndarray]:
        sentences = (sentence for sentence in tokens if masking.is_held_out(sentence) == of_held_out)
        return masking.pack(_encode(sentences, tokenizer), options.max_length, vocabulary)

    tokenizer.save_pretrained(folder / "tokenizer")
    masking.write_blocks(blocks(False), folder / "training.bin")
    masking.write_blocks(itertools.islice(blocks(True), masking.MAX_HELD_OUT_BLOCKS), folder / "held_out.bin")
    write_json({"identity": identity, "files": _hash_files(folder)}, folder / "identity.json")


def _is_prepared(data: Path, identity: dict[str, Any]) -> bool:
    """Tell if the folder holds the data of this training, as they were written."""
    try:
        record = read_json(data / "identity.json")
    except DataError:
        return False
    return record.get("identity") == identity and record.get("files") == _hash_files(data)


def _hash_files(folder: Path) -> dict[str, str]:
    digests = {}
    for file in sorted((*folder.glob("*.bin"), *folder.glob("tokenizer/*"))):
        with file.open("rb") as content:
            digests[file.relative_to(folder).as_posix()] = hashlib.file_digest(content, "sha256").hexdigest()
    return digests


def _encode(sentences: Iterable[list[str]], tokenizer: PreTrainedTokenizerFast) -> Iterator[list[int]]:
    """Yield the sub-token ids of sentences, some thousands at a time."""
    from tokenizers import Tokenizer

    encoder = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())  # a copy: the model's own keeps its truncation
    encoder.no_truncation()
    encoder.no_padding()
    stream = iter(sentences)
    while chunk := [" ".join(sentence) for sentence in itertools.islice(stream, SENTENCES_PER_CHUNK)]:
        yield from (encoding.ids for encoding in encoder.encode_batch_fast(chunk, add_special_tokens=False))


def _describe_vocabulary(tokenizer: PreTrainedTokenizerFast) -> Vocabulary:
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = np.zeros(len(names), bool)
    special[tokenizer.all_special_ids] = True
    return Vocabulary(
        cls=tokenizer.cls_token_id,
        sep=tokenizer.sep_token_id,
        pad=tokenizer.pad_token_id,
        mask=tokenizer.mask_token_id,
        special=special,
        continues_word=np.array([name.startswith("##") for name in names]),
    )


def _measure_perplexity(
    model: BertForMaskedLM, blocks: np.ndarray, vocabulary: Vocabulary, batch_size: int = 32
) -> float | None:
    import torch

    total, n_masked = 0.0, 0
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(blocks), batch_size):
            batch = masking.mask(
                blocks[start : start + batch_size],
                vocabulary=vocabulary,
                share=0.15,
                whole_words=False,
                rng=np.random.default_rng(start),
            )
            total += compute_masked_loss(model, batch, vocabulary).item() * len(batch.targets)
            n_masked += len(batch.targets)
    return math.exp(total / n_masked) if n_masked else None


def _make_model(vocabulary_size: int, dim: int, options: BertOptions) -> BertForMaskedLM:
    from transformers import BertConfig, BertForMaskedLM

    if dim % options.heads:
        raise ValueError(f"bert_{dim}: {options.heads} heads do not divide {dim}; choose another dimension or heads")
    config = BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=dim,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=4 * dim,
        max_position_embeddings=options.max_length,
        initializer_range=options.initializer_range,
        hidden_dropout_prob=options.dropout,
        attention_probs_dropout_prob=options.dropout,
    )
    write_attention(config, options.attention, options.attention_window)
    return cast("BertForMaskedLM", limit_attention(BertForMaskedLM(config)))


def _read_model(base: Path, dim: int | None, options: BertOptions) -> tuple[BertForMaskedLM, PreTrainedTokenizerFast]:
    """Read a BERT and its tokenizer from a folder; a missing masked-language head is made new."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    folder = _find_model(base)
    if not (folder / "config.json").is_file() or not (folder / "model.safetensors").is_file():
        raise DataError(
            str(folder),
            "is not a model folder: config.json or model.safetensors is missing",
            "save it with save_pretrained, as safetensors",
        )
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if config.model_type != "bert":
        raise DataError(
            str(folder), f"is of type {config.model_type!r}; only bert is trained further here", "choose another base"
        )
    if dim is not None and config.hidden_size != dim:
        raise DataError(
            str(folder),
            f"has {config.hidden_size} dimensions, not {dim}",
            f"ask for {config.hidden_size}, or for none",
        )
    if config.max_position_embeddings < options.max_length:
        raise DataError(
            str(folder),
            f"takes {config.max_position_embeddings} sub-tokens, fewer than max_length = {options.max_length}",
            "lower max_length",
        )
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = options.dropout
    write_attention(config, options.attention, options.attention_window)
    tokenizer = _read_tokenizer(folder)
    if len(tokenizer) > config.vocab_size:
        raise DataError(
            str(folder),
            f"its tokenizer has {len(tokenizer)} sub-tokens, its model {config.vocab_size}",
            "put the model's own tokenizer there",
        )
    model, report = AutoModelForMaskedLM.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype="float32",
        output_loading_info=True,
    )
    if missing := sorted(name for name in report["missing_keys"] if not name.startswith("cls.")):
        raise DataError(
            str(folder), f"lacks {len(missing)} weights of its model, first {missing[0]}", "save the whole model again"
        )
    return limit_attention(model), tokenizer


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    return cast(
        "PreTrainedTokenizerFast",
        AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False),
    )


def _find_model(base: Path) -> Path:
    """Find the model: in the folder that encoder.json names, or in the folder itself."""
    description = base / "encoder.json"
    if not description.is_file():
        return base
    return base / str(json.loads(description.read_text(encoding="utf-8"))["model"])


@contextmanager
def _limit_threads(workers: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(workers)
    try:
        yield
    finally:
        torch.set_num_threads(before)
