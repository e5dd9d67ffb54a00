"""What may be among the inert data, and what may not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.scalers.inert_objects import (
    Instance,
    Name,
    NotAllowedError,
    Pending,
    audit,
    flat_key,
)

STANDARD = Name(module="sklearn.preprocessing._data", name="StandardScaler")
FOREIGN = Name(module="somewhere", name="Scaler")


def test_an_ordinary_state_passes() -> None:
    filled = Pending(what="array", value=np.zeros(3))
    top = Instance(
        kind=STANDARD,
        state={
            "copy": True,
            "mean_": filled,
            "names": ["a", ("b", None)],
            "dtype": Name(module="numpy", name="float64"),
        },
    )
    top.state["self"] = top  # type: ignore[index]
    assert audit(top) is top


@pytest.mark.parametrize(
    ("value", "liftable"),
    [
        (Name(module="math", name="sqrt"), True),
        (Instance(kind=FOREIGN), True),
        (Pending(what="array"), False),
        (object(), False),
        ({1, 2}, False),
    ],
    ids=["name", "foreign object", "array never filled", "object", "set"],
)
def test_anything_else_in_a_state_is_refused(value: Any, liftable: bool, wording: SnapshotAssertion) -> None:
    with pytest.raises(NotAllowedError) as refused:
        audit(Instance(kind=STANDARD, state={"deep": [({"in": value},)]}))
    assert refused.value.liftable is liftable
    assert str(refused.value) == wording


def test_trust_lets_foreign_objects_and_names_pass(wording: SnapshotAssertion) -> None:
    top = Instance(kind=FOREIGN)
    assert audit(top, trust=True) is top
    nested = Instance(kind=STANDARD, state={"a": top, "b": FOREIGN})
    assert audit(nested, trust=True) is nested
    with pytest.raises(NotAllowedError) as refused:
        audit(top)
    assert refused.value.liftable
    assert str(refused.value) == wording


@pytest.mark.parametrize("key", ["a", 1, 1.5, None, True, b"a", np.int64(3)])
def test_plain_keys_pass(key: Any) -> None:
    assert flat_key(key) is key


@pytest.mark.parametrize("key", [(1, 2), frozenset(), FOREIGN], ids=["tuple", "set", "name"])
def test_other_keys_are_refused(key: Any, wording: SnapshotAssertion) -> None:
    with pytest.raises(NotAllowedError) as refused:
        flat_key(key)
    assert not refused.value.liftable
    assert str(refused.value) == wording
