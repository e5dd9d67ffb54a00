"""What may be among the inert data, and what may not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

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
    ("value", "told", "liftable"),
    [
        (Name(module="os", name="system"), "os.system as a value", True),
        (Instance(kind=FOREIGN), "somewhere.Scaler", True),
        (Pending(what="array"), "a value of kind Pending", False),
        (object(), "a value of kind object", False),
        ({1, 2}, "a value of kind set", False),
    ],
)
def test_anything_else_in_a_state_is_refused(value: Any, told: str, liftable: bool) -> None:
    with pytest.raises(NotAllowedError, match=told) as refused:
        audit(Instance(kind=STANDARD, state={"deep": [({"in": value},)]}))
    assert refused.value.liftable is liftable


def test_trust_lets_foreign_objects_and_names_pass() -> None:
    top = Instance(kind=FOREIGN)
    assert audit(top, trust=True) is top
    nested = Instance(kind=STANDARD, state={"a": top, "b": FOREIGN})
    assert audit(nested, trust=True) is nested
    with pytest.raises(NotAllowedError, match="top object"):
        audit(top)


@pytest.mark.parametrize("key", ["a", 1, 1.5, None, True, b"a", np.int64(3)])
def test_plain_keys_pass(key: Any) -> None:
    assert flat_key(key) is key


@pytest.mark.parametrize("key", [(1, 2), frozenset(), FOREIGN])
def test_other_keys_are_refused(key: Any) -> None:
    with pytest.raises(NotAllowedError, match="keys are not plain"):
        flat_key(key)
