"""Tiny random models as sentence-transformers saves those of the hub: one after the pattern of each family."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

TEXTS = [
    "a cat sat on the mat",
    "dog",
    "the cat sat on the mat and a dog sat",
    "where is the dog that sat on a mat yesterday evening, and what is it called?",
    "naïve 東京 query",
]
_SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 320}
_POSITIONS = {"max_position_embeddings": 40}
_ENDS = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "cls_token_id": 2, "sep_token_id": 1}
_ENCODER = {**_SIZE, **_POSITIONS, "pad_token_id": 0}
_OFFSET = {**_ENCODER, "pad_token_id": 1, "max_position_embeddings": 42, "bos_token_id": 2, "eos_token_id": 1}
_DECODER = {**_SIZE, **_POSITIONS, "num_key_value_heads": 1, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": 320, "decoder_start_token_id": 0}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "albert": ("AlbertConfig", {**_ENCODER, "embedding_size": 8}),
    "bert": ("BertConfig", _ENCODER),
    "camembert": ("CamembertConfig", _OFFSET),
    "deberta-v2": ("DebertaV2Config", {**_ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "distilbert": (
        "DistilBertConfig",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": 320, **_POSITIONS, "pad_token_id": 0},
    ),
    "electra": ("ElectraConfig", {**_ENCODER, "embedding_size": 8}),
    "gemma3_text": (
        "Gemma3TextConfig",
        {**_DECODER, "head_dim": 8, "use_bidirectional_attention": True, "sliding_window": 8},
    ),
    "llama": ("LlamaConfig", _DECODER),
    "mistral": ("MistralConfig", _DECODER),
    "modernbert": (
        "ModernBertConfig",
        {**_ENCODER, **_ENDS, "global_attn_every_n_layers": 2, "local_attention": 8},
    ),
    "mpnet": ("MPNetConfig", _OFFSET),
    "mt5": ("MT5Config", _T5),
    "nomic_bert": ("NomicBertConfig", _ENCODER),
    "qwen2": ("Qwen2Config", _DECODER),
    "qwen3": ("Qwen3Config", {**_DECODER, "head_dim": 8}),
    "roberta": ("RobertaConfig", _OFFSET),
    "t5": ("T5Config", _T5),
    "xlm-roberta": ("XLMRobertaConfig", _OFFSET),
}
"""Class and sizes of each architecture's configuration."""
_PADDED_FROM_1 = ("roberta", "xlm-roberta", "camembert", "mpnet")


def make_tokenizer(*, first: bool = True, last: bool = True, padding_side: str = "right", pad: int = 0) -> Any:
    """Train a tokenizer of bytes, as most models have them today, with or without ends."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<end>", "<start>"] if pad == 0 else ["<end>", "<pad>", "<start>"]
    trainer = trainers.BpeTrainer(
        vocab_size=310,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    ends = [("<start>", special.index("<start>")), ("<end>", special.index("<end>"))]
    pattern = " ".join(["<start>"] * first + ["$A"] + ["<end>"] * last)
    tokenizer.post_processor = processors.TemplateProcessing(single=pattern, special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", padding_side=padding_side, model_max_length=40
    )


def save_transformer(folder: Path, name: str, **tokenizer: Any) -> Path:
    """Save a random transformer of an architecture, and a tokenizer, as transformers does."""
    import torch
    import transformers

    torch.manual_seed(5)
    kind, sizes = CONFIGS[name]
    config = getattr(transformers, kind)(**sizes)
    encoder = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel"}.get(name)
    model = getattr(transformers, encoder)(config) if encoder else transformers.AutoModel.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():  # at their usual start all texts look alike
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.eval().save_pretrained(folder)
    make_tokenizer(pad=int(name in _PADDED_FROM_1), **tokenizer).save_pretrained(folder)
    return folder


def save_model(
    folder: Path,
    name: str,
    behind: Callable[[Any], Sequence[Any]],
    *,
    tokenizer: dict[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """Save a random model of an architecture with the modules behind its transformer, as sentence-transformers does."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer

    plain = save_transformer(folder / "plain", name, **(tokenizer or {}))
    model = SentenceTransformer(modules=[Transformer(str(plain)), *behind(16)], device="cpu", **settings)
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def set_setting(file: Path, **settings: Any) -> None:
    """Change settings in a JSON file."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    file.write_text(json.dumps(known | settings), encoding="utf-8")
