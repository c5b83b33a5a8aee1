import pytest
import torch

from emb_pipeline.embeddings.contextual.models.precision import precision_in_force


@pytest.mark.parametrize(
    ("able", "wanted", "found"),
    [
        ({"avx2": True, "avx512_bf16": False}, "auto", "float32"),
        ({"avx512_bf16": True}, "auto", "bfloat16"),
        ({"amx_bf16": True}, "auto", "bfloat16"),
        ({"avx512_bf16": True}, "float32", "float32"),
        ({}, "bfloat16", "bfloat16"),
    ],
)
def test_auto_is_bfloat16_where_the_processor_computes_in_it(
    able: dict[str, bool], wanted: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert precision_in_force(wanted, "cpu") == found
