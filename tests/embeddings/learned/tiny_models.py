"""Tiny random models, as sentence-transformers saves those of the hub: SPLADE, inference-free, and late interaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..contextual.tiny_models import CONFIGS, make_tokenizer, save_transformer

TEXTS = [
    "a cat sat on the mat",
    "dog",
    "the cat sat on the mat and a dog sat",
    "where is the dog that sat on a mat yesterday evening, and what is it called?",
    "naïve 東京 query",
    "dog",
]


def save_masked_model(folder: Path) -> Path:
    """Save a random BERT with the head that predicts masked words, as transformers does."""
    import torch
    import transformers

    torch.manual_seed(7)
    tokenizer = make_tokenizer()
    config = transformers.BertConfig(**{**CONFIGS["bert"][1], "vocab_size": len(tokenizer)})
    model = transformers.BertForMaskedLM(config)
    with torch.no_grad():
        for parameter in model.parameters():  # at their usual start all texts look alike
            parameter.add_(0.3 * torch.randn_like(parameter))
        model.cls.predictions.bias.sub_(1.5)  # most weights are zero, as in a trained model
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_splade(folder: Path, **settings: Any) -> Path:
    """Save a SPLADE with prompts for both roles."""
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(str(save_masked_model(folder / "plain")), device="cpu", **settings)
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def save_inference_free(folder: Path) -> Path:
    """Save a model whose queries are looked up, and whose documents a transformer reads."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router, Transformer
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling

    plain = save_masked_model(folder / "plain")
    tokenizer = make_tokenizer()
    weight = torch.linspace(0.1, 2, len(tokenizer))
    router = Router.for_query_document(
        query_modules=[SparseStaticEmbedding(tokenizer, weight=weight)],
        document_modules=[Transformer(str(plain), transformer_task="fill-mask"), SpladePooling("max")],
    )
    SparseEncoder(modules=[router], device="cpu").save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def save_late_interaction(folder: Path, *, expands: bool = False, **settings: Any) -> Path:
    """Save a model that gives 8 dimensions to each token, with prompts, perhaps with expanded queries."""
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    plain = save_transformer(folder / "plain", "bert")
    torch.manual_seed(3)
    expansion = {"strategy": "fixed", "attend": True, "length": 24, "token": "<end>"} if expands else None
    transformer = Transformer(str(plain), query_expansion=expansion, document_length=20)
    dense = Dense(16, 8, bias=False, activation_function=torch.nn.Identity(), module_input_name="token_embeddings")
    modules = [transformer, dense, MultiVectorMask(["<start>"]), Normalize(module_input_name="token_embeddings")]
    model = MultiVectorEncoder(modules=modules, device="cpu", **settings)
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"
