"""Sketches show whether tensors differ and about how much."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.locating.layer_sketches import sketch_tensors


def test_every_bit_changes_the_digest_and_memory_is_limited() -> None:
    large = np.zeros(1_000_003, np.float32)
    other = large.copy()
    other[777_777] = 1e-30
    found = sketch_tensors([large], None, 0), sketch_tensors([other], None, 0)
    assert found[0].digest != found[1].digest
    assert max(each.values.size for each in found) <= 2048


def test_rows_that_do_not_count_do_not_change_the_digest() -> None:
    kept = np.array([False, True])
    same = [sketch_tensors([np.array([[first], [2.0]])], kept, 2) for first in (1.0, 9.0)]
    assert same[0].digest == same[1].digest
    assert sketch_tensors([np.array([[1.0], [3.0]])], kept, 2).digest != same[0].digest
    assert sketch_tensors([np.array([1.0, 2.0, 3.0])], kept, 2).count == 0


def test_text_is_compared_by_its_characters_and_not_by_its_address() -> None:
    assert (
        sketch_tensors([np.array([b"red"], object)], None, 0).digest
        == sketch_tensors([np.array(["".join(["re", "d"]).encode()], object)], None, 0).digest
    )


def test_texts_of_rows_that_do_not_count_do_not_change_the_digest() -> None:
    kept = np.array([True, False])
    texts = [np.array([b"red", other], object) for other in (b"blue", b"as long as this")]
    assert len({sketch_tensors([each], kept, 2).digest for each in texts}) == 1
    assert sketch_tensors([np.array(["r", "ed"])], None, 2).digest != (
        sketch_tensors([np.array(["re", "d"])], None, 2).digest
    )


@pytest.mark.parametrize(("value", "finite"), [(1.0, True), (np.nan, False), (np.inf, False)])
def test_nan_and_infinity_are_noted(value: float, finite: bool) -> None:
    assert sketch_tensors([np.array([0.0, value], np.float32)], None, 0).finite is finite
