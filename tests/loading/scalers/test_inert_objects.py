"""Keys of dictionaries are plain values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.scalers.inert_objects import Name, NotAllowedError, require_plain_key

NAME = Name(module="somewhere", name="Scaler")


@pytest.mark.parametrize("key", ["a", 1, 1.5, None, True, b"a", np.int64(3)])
def test_plain_keys_pass(key: Any) -> None:
    assert require_plain_key(key) is key


@pytest.mark.parametrize("key", [(1, 2), frozenset(), NAME], ids=["tuple", "set", "name"])
def test_other_keys_are_refused(key: Any, wording: SnapshotAssertion) -> None:
    with pytest.raises(NotAllowedError) as refused:
        require_plain_key(key)
    assert not refused.value.liftable
    assert str(refused.value) == wording
