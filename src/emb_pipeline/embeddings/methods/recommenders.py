"""Methods that learn from a task's interactions, and from attributes of its users or items."""

from __future__ import annotations

from emb_pipeline.embeddings.method import Method
from emb_pipeline.embeddings.methods.supports import INTERACTIONS, ITEM_ATTRIBUTES, USER_ATTRIBUTES
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.recommenders.options import (
    AlsOptions,
    AttributeEaseOptions,
    BprOptions,
    EaseOptions,
    Item2VecOptions,
    ItemKnnOptions,
    UserAttributesOptions,
)

_USER_ITEM_VECTORS = "recommenders.exported:UserItemTables"
LINES = (
    Method(
        "popularity",
        "popularity",
        Options,
        "task",
        INTERACTIONS,
        "recommenders.popularity:Popularity",
        has_dim=False,
        sparse=True,
    ),
    Method(
        "item_knn",
        "item kNN",
        ItemKnnOptions,
        "task",
        INTERACTIONS,
        "recommenders.item_knn:ItemKnn",
        has_dim=False,
        sparse=True,
    ),
    Method("ease", "EASE", EaseOptions, "task", INTERACTIONS, "recommenders.ease:Ease", has_dim=False),
    Method(
        "ease_attributes",
        "EASE with attributes",
        AttributeEaseOptions,
        "task",
        ITEM_ATTRIBUTES,
        "recommenders.attribute_ease:build_attribute_ease",
        has_dim=False,
    ),
    Method(
        "user_attributes",
        "attributes of users",
        UserAttributesOptions,
        "task",
        USER_ATTRIBUTES,
        "recommenders.user_attributes:build_user_attributes",
        has_dim=False,
    ),
    Method(
        "item2vec",
        "Item2Vec",
        Item2VecOptions,
        "task",
        INTERACTIONS,
        "recommenders.item2vec:Item2Vec",
        export=_USER_ITEM_VECTORS,
    ),
    Method(
        "als",
        "ALS",
        AlsOptions,
        "task",
        INTERACTIONS,
        "recommenders.als:Als",
        export=_USER_ITEM_VECTORS,
        requirements="recommenders.factors:require_implicit",
    ),
    Method(
        "bpr",
        "BPR",
        BprOptions,
        "task",
        INTERACTIONS,
        "recommenders.bpr:Bpr",
        export=_USER_ITEM_VECTORS,
        requirements="recommenders.factors:require_implicit",
    ),
)
