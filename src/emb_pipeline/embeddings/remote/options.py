"""Options of endpoints: the address, the key's name, the price, and how requests are sent."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from emb_pipeline.embeddings.options import Options

if TYPE_CHECKING:
    from emb_pipeline.embeddings.protocols import Role

_SECRET_NAMES = re.compile(r"(?i)authorization|api-?_?key|token|secret|password|subscription")
_OWN_FIELDS = ("input", "model", "dimensions", "encoding_format", "query", "documents", "texts")


class EndpointOptions(Options):
    """Options of every endpoint: address, key, price, budget, and how requests are sent."""

    base_url: Annotated[
        str,
        Field(
            pattern=r"^https?://",
            description="address of the service without the last part of the path: https://api.openai.com/v1",
        ),
    ]
    model: Annotated[str, Field(min_length=1, max_length=300, description="name of the model, as the service knows it")]
    key: Annotated[
        str | None,
        Field(
            pattern="^[A-Za-z_][A-Za-z0-9_]*$",
            description="name of the key: an environment variable, or an entry under api_keys: in "
            "conf/local/credentials.yml; null: the service asks for none",
        ),
    ] = None
    key_header: Annotated[
        str,
        Field(
            pattern="^[A-Za-z][A-Za-z0-9-]*$",
            description="header that carries the key; Authorization writes 'Bearer' before it, any other (Azure: api-key) "
            "nothing",
        ),
    ] = "Authorization"
    parameters: Annotated[
        dict[str, str],
        Field(default_factory=dict, description="parameters of the address (Azure: {api-version: 2024-10-21}); no secrets"),
    ]
    headers: Annotated[dict[str, str], Field(default_factory=dict, description="more headers of every request; no secrets")]
    extra: Annotated[
        dict[str, Any],
        Field(default_factory=dict, description="more fields of a request's JSON body: {truncate: true}, {user: shop}"),
    ]
    as_of: Annotated[
        date | None,
        Field(
            description="a date that you choose: another one encodes everything again, as after the service's new version"
        ),
    ] = None
    max_characters: Annotated[
        int | None, Field(ge=1, description="characters that are sent of a text; null: all of them")
    ] = None
    price_per_million_tokens: Annotated[
        float | None, Field(ge=0, le=1e6, description="US dollars for a million tokens; 0: free; null: unknown")
    ] = None
    budget_usd: Annotated[
        float | None,
        Field(
            gt=0,
            description="US dollars that this model may cost, all runs of this project together; a run stops before them",
        ),
    ] = None
    concurrency: Annotated[
        int, Field(ge=1, le=256, description="requests at a time; what a killed run pays twice at most")
    ] = 4
    retries: Annotated[int, Field(ge=0, le=100, description="attempts after a failed one, with longer and longer waits")] = 8
    timeout_seconds: Annotated[float, Field(gt=0, le=3600, description="seconds without an answer before a retry")] = 60.0
    longest_wait_seconds: Annotated[
        float,
        Field(gt=0, le=86400, description="seconds that are waited between attempts, at most, also where Retry-After asks"),
    ] = 120.0

    @field_validator("base_url")
    @classmethod
    def _address_has_no_secret(cls, value: str) -> str:
        parts = urlsplit(value)
        if "@" in parts.netloc:
            raise ValueError("holds a user or a password: leave them out, and name the key under 'key'")
        if parts.query or parts.fragment:
            raise ValueError("ends with parameters: write them under 'parameters'")
        return value.rstrip("/")

    @field_validator("headers", "parameters")
    @classmethod
    def _no_secret_in_plain_sight(cls, value: dict[str, str]) -> dict[str, str]:
        if secret := [name for name in value if _SECRET_NAMES.search(name)]:
            raise ValueError(
                f"{secret[0]!r} looks like a secret, and options are printed: name it under 'key', its "
                "header under 'key_header'"
            )
        return value

    @field_validator("extra")
    @classmethod
    def _no_field_twice(cls, value: dict[str, Any]) -> dict[str, Any]:
        if own := [name for name in value if name in _OWN_FIELDS]:
            raise ValueError(f"{own[0]!r} is filled in by the pipeline")
        return value

    @model_validator(mode="after")
    def _budget_needs_a_price(self) -> Self:
        if self.budget_usd is not None and not self.has_price:
            raise ValueError("'budget_usd' needs 'price_per_million_tokens': without a price nobody knows what is spent")
        return self

    @property
    def has_price(self) -> bool:
        """Tell whether it is known what a request costs."""
        return self.price_per_million_tokens is not None

    def price(self, tokens: float, requests: int = 1) -> float:
        """Compute US dollars for tokens that were sent in some requests; 0 where the price is unknown."""
        return tokens * (self.price_per_million_tokens or 0.0) / 1e6

    @property
    def place(self) -> str:
        """Name the endpoint in messages."""
        return f"{self.model} at {self.base_url}"


class ApiOptions(EndpointOptions):
    """Embeddings from an OpenAI-compatible endpoint: ``POST {base_url}/embeddings``."""

    dimensions: Annotated[
        int | None, Field(ge=1, le=65536, description="dimensions to ask for; null: as many as the model has")
    ] = None
    dimensions_field: Annotated[
        str, Field(min_length=1, description="name of the field that asks for them (Voyage, Mistral: output_dimension)")
    ] = "dimensions"
    encoding_format: Annotated[
        Literal["float", "base64"] | None,
        Field(description="how vectors are sent; base64 is a quarter of the size; null: the service's own way"),
    ] = None
    normalize: Annotated[
        bool, Field(description="scale vectors to length 1 (Gemini does not where dimensions are asked for)")
    ] = False
    query_input_type: Annotated[
        str | None, Field(min_length=1, description="input type of a text that is searched for (Voyage: query)")
    ] = None
    passage_input_type: Annotated[
        str | None, Field(min_length=1, description="input type of a text that is searched (Voyage: document)")
    ] = None
    text_input_type: Annotated[
        str | None,
        Field(
            min_length=1, description="input type of the texts of all other tasks; null: passage_input_type where you set it"
        ),
    ] = None
    input_type_field: Annotated[
        str, Field(min_length=1, description="name of the field that holds the input type (Jina: task)")
    ] = "input_type"
    query_prompt: Annotated[str, Field(max_length=1000, description="put before a text that is searched for")] = ""
    passage_prompt: Annotated[str, Field(max_length=1000, description="put before a text that is searched")] = ""
    text_prompt: Annotated[
        str | None,
        Field(max_length=1000, description="put before the texts of all other tasks; null: passage_prompt; '': nothing"),
    ] = None
    batch_texts: Annotated[int, Field(ge=1, le=4096, description="texts of one request at most")] = 32
    batch_tokens: Annotated[int, Field(ge=1, le=10_000_000, description="tokens of one request, as estimated, at most")] = (
        16_000
    )
    drift_texts: Annotated[
        int, Field(ge=0, le=1000, description="texts that are encoded, and paid, again to see how much their vectors differ")
    ] = 20
    latency_requests: Annotated[
        int, Field(ge=0, le=1000, description="requests of a task that are sent, and paid, to time the endpoint")
    ] = 5

    def prompt(self, role: Role) -> str:
        """Find the prompt of a role."""
        if role == "text":
            return self.passage_prompt if self.text_prompt is None else self.text_prompt
        return self.query_prompt if role == "query" else self.passage_prompt

    def input_type(self, role: Role) -> str | None:
        """Find the input type of a role; None where none is sent."""
        if role == "text":
            return self.text_input_type or self.passage_input_type
        return self.query_input_type if role == "query" else self.passage_input_type


class RerankOptions(EndpointOptions):
    """A reranker behind an endpoint, on top of a retriever: ``POST {base_url}/rerank``."""

    axes: ClassVar[tuple[str, ...]] = ("depth",)

    depth: Annotated[
        int, Field(ge=1, le=10_000, description="passages of each query that are reordered; in the grid, a list of such")
    ] = 30
    latency_requests: Annotated[
        int, Field(ge=0, le=1000, description="queries of a task that are sent, with their passages, and paid, for timing")
    ] = 5

    dialect: Annotated[
        Literal["cohere", "voyage", "tei"],
        Field(
            description="names of the fields: cohere (Jina, vLLM, infinity, too) has documents, top_n and results; voyage "
            "has top_k and data; tei has texts and a bare list"
        ),
    ] = "cohere"
    batch_texts: Annotated[int, Field(ge=1, le=4096, description="passages of one request at most")] = 100
    price_per_thousand_requests: Annotated[
        float, Field(ge=0, le=1e6, description="US dollars for a thousand requests, beside the tokens (Cohere: searches)")
    ] = 0.0

    @property
    def has_price(self) -> bool:
        """Tell whether it is known what a request costs."""
        return self.price_per_million_tokens is not None or self.price_per_thousand_requests > 0

    def price(self, tokens: float, requests: int = 1) -> float:
        """Compute US dollars for tokens that were sent in some requests; 0 where the price is unknown."""
        return super().price(tokens, requests) + requests * self.price_per_thousand_requests / 1000


class ChatOptions(EndpointOptions):
    """A chat model: ``POST {base_url}/chat/completions``. Its price is that of the tokens that it writes."""

    temperature: Annotated[
        float | None, Field(ge=0, le=2, description="how freely the model chooses words; null: the service's own value")
    ] = 0.0
    max_tokens: Annotated[int, Field(ge=1, le=100_000, description="tokens of an answer at most")] = 300
    max_tokens_field: Annotated[
        str, Field(min_length=1, description="name of the field that says so (newer ones of OpenAI: max_completion_tokens)")
    ] = "max_tokens"
