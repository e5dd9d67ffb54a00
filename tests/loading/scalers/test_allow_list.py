"""The audit accepts allowed names and plain values, and refuses everything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.scalers.allow_list import audit
from keras_consistency_cli.loading.scalers.inert_objects import (
    Instance,
    Name,
    NotAllowedError,
    NotOneScalerError,
    Pending,
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
def test_other_values_in_a_state_are_refused(value: Any, liftable: bool, wording: SnapshotAssertion) -> None:
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


@pytest.mark.parametrize(
    ("top", "place"),
    [
        ((Instance(kind=STANDARD), Instance(kind=STANDARD)), "[0]"),
        ({"columns": ["a"], "x": Instance(kind=STANDARD)}, "['x']"),
        ([1.0, 2.0], ""),
        (Pending(what="array", value=np.zeros(3)), ""),
    ],
    ids=["tuple", "dictionary", "numbers", "array"],
)
def test_a_collection_of_scalers_is_not_taken_for_code(
    top: object, place: str, wording: SnapshotAssertion
) -> None:
    with pytest.raises(NotOneScalerError) as refused:
        audit(top)
    assert refused.value.place == place
    assert str(refused.value) == wording


def test_code_in_a_collection_of_scalers_is_found() -> None:
    with pytest.raises(NotAllowedError) as refused:
        audit((Instance(kind=STANDARD), {"deep": Name(module="math", name="sqrt")}))
    assert not isinstance(refused.value, NotOneScalerError)
