"""Vectors from a real service on this machine, which misbehaves on demand."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import details_of
from emb_pipeline.embeddings.remote.api_encoder import ApiEncoder, build_api_encoder
from emb_pipeline.errors import DataError

from .conftest import Build
from .server import Service, count_tokens, encode_by_hash

TEXTS = [f"text number {number} of the shop" for number in range(23)]
KEY = "sk-secret-0123456789abcdef"


def test_vectors_are_those_of_the_service_and_each_text_is_paid_once(service: Service, build: Build, tmp_path: Path) -> None:
    encoder = build_api_encoder(build(batch_texts=5), tmp_path)
    np.testing.assert_array_equal(encoder.encode([*TEXTS, TEXTS[0]]), encode_by_hash([*TEXTS, TEXTS[0]]))
    assert sorted(service.billed_texts) == sorted(TEXTS)
    assert max(len(request.texts) for request in service.billed) == 5
    again = build_api_encoder(build(batch_texts=9), tmp_path)  # another run
    np.testing.assert_array_equal(again.encode(TEXTS), encode_by_hash(TEXTS))
    assert len(service.billed_texts) == len(TEXTS)


@pytest.mark.parametrize("fault", ["429", "500", "503", "reset", "truncated", "order", "no index"])
def test_a_fault_that_passes_changes_nothing(fault: str, service: Service, build: Build) -> None:
    service.faults.extend([fault, "", fault, fault])
    encoder = ApiEncoder(build(batch_texts=5, concurrency=2))
    np.testing.assert_array_equal(encoder.encode(TEXTS), encode_by_hash(TEXTS))
    assert not service.faults


def test_a_slow_service_is_asked_again(service: Service, build: Build) -> None:
    service.faults.append("slow")
    encoder = ApiEncoder(build(timeout_seconds=0.3))
    np.testing.assert_array_equal(encoder.encode(TEXTS[:3]), encode_by_hash(TEXTS[:3]))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("count", r"tiny at http.*: gave 4 vectors for 5 texts; set 'batch_texts: 1'"),
        ("twice", r"gave an order that is none: index 0, 1, 2, 3, 0"),
        ("nan", r"gave values that are not finite \(NaN or infinite\); report it to the service"),
        ("dimension", r"gave vectors of 7 dimensions, not of 8; set 'dimensions' to what the model gives"),
        ("400", r"refuses the request \(status 400\): try again later; correct the options that it names"),
        ("403", r"refuses the request with no key \('key' is not set\) \(status 403\)"),
        ("quota", r"says that the account has no money left \(status 429\): You exceeded your current quota"),
    ],
)
def test_a_fault_that_stays_is_an_error_with_a_remedy(fault: str, message: str, service: Service, build: Build) -> None:
    service.faults.append(fault)
    with pytest.raises(DataError, match=message):
        ApiEncoder(build(batch_texts=5, concurrency=1)).encode(TEXTS)
    assert len(service.billed) + len(service.refused) == 1


def test_attempts_end(service: Service, build: Build) -> None:
    service.faults.extend(["500"] * 3)
    with pytest.raises(DataError, match=r"gave no answer in 3 attempts; the last: status 500: try again later; see that"):
        ApiEncoder(build(retries=2)).encode(TEXTS[:2])
    service.faults.extend(["truncated"] * 3)
    with pytest.raises(DataError, match=r"gave no answer in 3 attempts; the last: JSONDecodeError"):
        ApiEncoder(build(retries=2)).encode(TEXTS[:2])
    with pytest.raises(DataError, match=r"gave no answer in 1 attempts; the last: ConnectionError"):
        ApiEncoder(build(base_url="http://127.0.0.1:9/v1", retries=0)).encode(TEXTS[:2])


def test_an_unknown_model_is_named(build: Build) -> None:
    with pytest.raises(
        DataError, match=r"huge at .* knows no such model or address .*/embeddings \(status 404\): The model"
    ):
        ApiEncoder(build(model="huge")).encode(TEXTS[:2])


def test_what_was_answered_before_an_error_is_stored(service: Service, build: Build, tmp_path: Path) -> None:
    service.faults.extend(["", "", "nan"])
    with pytest.raises(DataError, match="not finite"):
        build_api_encoder(build(batch_texts=5, concurrency=3), tmp_path).encode(TEXTS)
    n_billed = len(service.billed_texts)
    build_api_encoder(build(), tmp_path).encode(TEXTS)
    twice = {text for text in service.billed_texts if service.billed_texts.count(text) > 1}
    assert len(twice) == 5 and len(service.billed_texts) == len(TEXTS) + 5  # the answer that could not be used
    assert n_billed >= 15


def test_a_service_that_takes_fewer_texts_gets_fewer(service: Service, build: Build) -> None:
    service.largest_batch = 3
    np.testing.assert_array_equal(ApiEncoder(build(batch_texts=16)).encode(TEXTS), encode_by_hash(TEXTS))
    assert max(len(request.texts) for request in service.billed) <= 3


def test_a_text_that_is_too_long_is_refused_or_cut(service: Service, build: Build, tmp_path: Path) -> None:
    service.longest_text = 40
    texts = [*TEXTS[:6], "long " * 20]
    with pytest.raises(DataError, match=r"status 400\): This model's maximum context length .* set 'max_characters'"):
        build_api_encoder(build(), tmp_path).encode(texts)
    assert not service.billed_texts  # the longest come first
    cut = ApiEncoder(build(max_characters=40)).encode(texts)
    np.testing.assert_array_equal(cut[-1:], encode_by_hash([texts[-1][:40]]))


def test_the_key_comes_from_the_environment_and_is_never_shown(
    service: Service, build: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    service.key = KEY
    options = build(key="SHOP_KEY", price_per_million_tokens=1)
    with pytest.raises(
        DataError, match=r"key SHOP_KEY: is not set; export SHOP_KEY=…, or write 'api_keys: \{SHOP_KEY: …\}'"
    ):
        factory.require("api", options)
    monkeypatch.setenv("SHOP_KEY", KEY)
    encoder = build_api_encoder(options, tmp_path)
    with caplog.at_level(logging.DEBUG):
        encoder.encode(TEXTS)
        service.key = "sk-another"
        with pytest.raises(DataError, match=r"refuses the request with key SHOP_KEY \(status 401\): Incorrect") as refused:
            encoder.unstored.encode(["new"])  # type: ignore[union-attr]
    write_embedding(encoder, tmp_path / "bundle")
    written = "".join(file.read_text("latin-1") for file in tmp_path.rglob("*") if file.is_file())
    for shown in (
        str(refused.value),
        repr(refused.value),
        caplog.text,
        repr(vars(encoder)),
        str(details_of(encoder)),
        written,
    ):
        assert KEY not in shown
    assert "***" in str(refused.value)


def test_azure_has_a_header_and_a_version_in_the_address(
    service: Service, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.key, service.key_header = KEY, "api-key"
    monkeypatch.setenv("AZURE_KEY", KEY)
    options = build(key="AZURE_KEY", key_header="api-key", parameters={"api-version": "2024-10-21"})
    ApiEncoder(options).encode(TEXTS[:2])
    assert service.billed[0].parameters == {"api-version": ["2024-10-21"]}
    assert "Authorization" not in service.billed[0].headers


def test_queries_and_passages_have_input_types_and_prompts_of_their_own(
    service: Service, build: Build, tmp_path: Path
) -> None:
    options = build(query_input_type="query", passage_input_type="document", query_prompt="query: ")
    encoder = build_api_encoder(options, tmp_path)
    queries, passages = encoder.encode(TEXTS[:2], role="query"), encoder.encode(TEXTS[:2], role="passage")
    np.testing.assert_array_equal(queries, encode_by_hash([f"query: {text}" for text in TEXTS[:2]], "query"))
    np.testing.assert_array_equal(passages, encode_by_hash(TEXTS[:2], "document"))
    names = {encoder.unstored.fingerprint(role) for role in ("query", "passage", "text")}  # type: ignore[union-attr]
    assert len(names) == 2  # other texts are encoded as passages are


def test_vectors_that_another_option_makes_are_other_vectors(build: Build) -> None:
    others = [{"as_of": "2026-01-01"}, {"dimensions": 4}, {"max_characters": 9}, {"extra": {"a": 1}}, {"text_prompt": "a"}]
    names = [ApiEncoder(build(**given)).fingerprint() for given in ({}, *others)]
    assert len(set(names)) == len(names)
    alike = [{"concurrency": 9}, {"price_per_million_tokens": 2, "budget_usd": 1}, {"key": "OTHER"}, {"batch_texts": 2}]
    assert {ApiEncoder(build(**given)).fingerprint() for given in alike} == {names[0]}


def test_the_dimension_is_asked_for_once(service: Service, build: Build, tmp_path: Path) -> None:
    for _ in range(2):
        assert build_api_encoder(build(dimensions=None), tmp_path).dim == 8
    assert service.billed_texts == ["dimension"]


def test_numbers_and_base64_are_the_same_vectors(service: Service, build: Build) -> None:
    as_numbers = ApiEncoder(build(encoding_format="float")).encode(TEXTS)
    np.testing.assert_array_equal(ApiEncoder(build(encoding_format="base64")).encode(TEXTS), as_numbers)
    assert {request.body["encoding_format"] for request in service.billed} == {"float", "base64"}
    lengths = np.linalg.norm(ApiEncoder(build(normalize=True)).encode(TEXTS), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


def test_an_empty_text_is_zeros_and_costs_nothing(service: Service, build: Build) -> None:
    encoder = ApiEncoder(build(passage_prompt="passage: "))
    vectors = encoder.encode(["", "  ", "a \ud800 b"])
    assert not vectors[:2].any() and vectors[2].any()
    assert service.billed_texts == ["passage: a ? b"]
    assert encoder.knows(["", "a"], vectors[:2]).tolist() == [False, True]


def test_no_more_requests_than_allowed_are_under_way(service: Service, build: Build) -> None:
    service.seconds = 0.03
    ApiEncoder(build(batch_texts=2, concurrency=3)).encode(TEXTS)
    assert 2 <= service.most_at_once <= 3


def test_retry_after_is_honored_by_all_threads(service: Service, build: Build) -> None:
    import time

    service.faults.append("429")
    service.retry_after = "0.6"
    started = time.monotonic()
    ApiEncoder(build(batch_texts=1, concurrency=1)).encode(TEXTS[:2])
    assert 0.6 <= time.monotonic() - started < 5


def test_drift_is_measured_once_and_said(service: Service, build: Build, tmp_path: Path) -> None:
    options = build(drift_texts=4, batch_texts=32)
    service.faults.extend(["", "drift"])
    encoder = build_api_encoder(options, tmp_path)
    encoder.encode(TEXTS)
    encoder.encode(["more"])
    drift = details_of(encoder)["drift"]
    again = encode_by_hash([TEXTS[-1]]) + 0.1
    assert drift["n_texts"] == 4 and drift["max_distance"] >= drift["mean_distance"] > 1e-3, again
    assert "gives other vectors for the same texts: cosine distance" in drift["warning"]
    assert len(service.billed_texts) == len(TEXTS) + 4 + 1
    steady = build_api_encoder(build(drift_texts=4, as_of="2026-02-01"), tmp_path)
    steady.encode(TEXTS)
    assert details_of(steady)["drift"]["max_distance"] < 1e-6 and "warning" not in details_of(steady)["drift"]


def test_a_bundle_has_no_key_and_asks_for_it(
    service: Service, build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service.key = KEY
    monkeypatch.setenv("SHOP_KEY", KEY)
    options = build(key="SHOP_KEY", price_per_million_tokens=1, budget_usd=1e-4, dimensions=None)
    write_embedding(StoredEncoder(ApiEncoder(options), tmp_path / "store"), tmp_path / "bundle")
    read = read_embedding(tmp_path / "bundle")
    assert isinstance(read, ApiEncoder) and read.options.budget_usd is None and read.dim == 8
    np.testing.assert_array_equal(read.encode(TEXTS[:2]), encode_by_hash(TEXTS[:2]))
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(DataError, match="key SHOP_KEY: is not set"):
        read.encode(TEXTS[:2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"base_url": "https://me:secret@host/v1"}, "holds a user or a password"),
        ({"base_url": "https://host/v1?api-version=1"}, "write them under 'parameters'"),
        ({"headers": {"Authorization": "Bearer x"}}, "'Authorization' looks like a secret"),
        ({"parameters": {"subscription-key": "x"}}, "'subscription-key' looks like a secret"),
        ({"extra": {"input": []}}, "'input' is filled in by the pipeline"),
        ({"budget_usd": 1}, "'budget_usd' needs 'price_per_million_tokens'"),
        ({"key": "sk-abc"}, "key"),
    ],
)
def test_options_that_leak_or_cannot_work_are_refused(given: dict[str, object], message: str, build: Build) -> None:
    with pytest.raises(ValueError, match=message):
        build(**given)


def test_tokens_are_counted_as_the_service_bills_them(service: Service, build: Build, tmp_path: Path) -> None:
    encoder = build_api_encoder(build(price_per_million_tokens=1000), tmp_path)
    encoder.encode(TEXTS)
    spending = encoder.unstored.account.read()  # type: ignore[union-attr]
    billed = sum(map(count_tokens, TEXTS))
    assert (spending.tokens, spending.texts) == (billed, len(TEXTS))
    assert spending.spent_usd == pytest.approx(billed * 1e-3) and not spending.reserved and not spending.lost_usd
    assert encoder.unstored.price_texts(TEXTS) == pytest.approx(1000 * billed / len(TEXTS), rel=1e-6)  # type: ignore[union-attr]


def test_the_time_of_texts_is_what_the_work_took_and_counts_once(service: Service, build: Build, tmp_path: Path) -> None:
    service.seconds = 0.1
    seconds = []
    for _ in range(2):
        with EncodingClock() as clock:
            encoder = build_api_encoder(build(batch_texts=6, concurrency=2, drift_texts=20), tmp_path)
            encoder.encode(TEXTS)
            encoder.encode(TEXTS)
        seconds.append(clock.seconds)
    # Four requests, two at a time; those that compare vectors again are no part of it.
    assert seconds[0] >= 0.2 and len(service.billed) > 4
    assert seconds[1] == pytest.approx(seconds[0], abs=0.15)
