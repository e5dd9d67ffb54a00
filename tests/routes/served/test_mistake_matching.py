"""Matching: mistakes are recognised from the arrays alone, column by column, and similar values are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.scaling.batch_variants import suggest_batch_sizes
from keras_consistency_cli.routes.scaling.column_distance import find_wrong_columns
from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.mistakes import Match, Mistake, Variant
from keras_consistency_cli.routes.served.variants import move_columns
from tests.helpers.scaled_columns import CENTRES, ROWS, SPREADS, Array, apply, raw_rows, refit, refit_in


def variants(rows: Array, served: Array) -> Iterator[Variant]:
    """Yield variants of this scaler, in the order of `generate_variants`."""
    expected = apply(rows)
    yield Variant(kind="refit-all", rows=refit(rows))
    yield Variant(kind="refit-single", rows=np.zeros_like(rows), batch=1)
    yield Variant(kind="unscaled", rows=rows)
    yield Variant(kind="scaled-twice", rows=apply(expected))
    yield Variant(kind="float16-after", rows=expected.astype(np.float16))
    for size in suggest_batch_sizes(rows, served, find_wrong_columns(served, expected)):
        whole = len(rows) // size * size
        yield Variant(kind="refit-batches", rows=refit_in(size, rows[:whole]), batch=size)
    yield from move_columns(rows, apply)


def matched(served: Array, rows: Array | None = None) -> Match:
    rows = raw_rows() if rows is None else rows
    return match_served_rows(served, apply(rows), variants(rows, served))


def kinds(match: Match) -> list[tuple[str, int | None, tuple[int, ...]]]:
    return [(mistake.kind, mistake.batch, mistake.columns) for mistake in match.mistakes]


ALL = (0, 1, 2, 3)
MISTAKES: dict[str, tuple[Callable[[Array], Array], list[tuple[str, int | None, tuple[int, ...]]]]] = {
    "refitted on all rows": (refit, [("refit-all", None, ALL)]),
    "refitted on single rows": (lambda rows: refit_in(1, rows), [("refit-single", 1, ALL)]),
    "refitted on batches of 32": (lambda rows: refit_in(32, rows), [("refit-batches", 32, ALL)]),
    "refitted on batches of an odd size, the last one short": (
        lambda rows: refit_in(41, rows),
        [("refit-batches", 41, ALL)],
    ),
    "refitted on pairs": (lambda rows: refit_in(2, rows), [("refit-batches", 2, ALL)]),
    "forgotten": (lambda rows: rows, [("unscaled", None, ALL)]),
    "applied twice": (lambda rows: apply(apply(rows)), [("scaled-twice", None, ALL)]),
    "float16": (lambda rows: apply(rows).astype(np.float16), [("float16-after", None, ALL)]),
    "columns reversed before scaling": (lambda rows: apply(rows[:, ::-1]), [("other-columns", None, ALL)]),
    "columns reversed after scaling": (lambda rows: apply(rows)[:, ::-1], [("other-columns", None, ALL)]),
    "two columns swapped": (lambda rows: apply(rows[:, [0, 2, 1, 3]]), [("other-columns", None, (1, 2))]),
    "rows in another order": (lambda rows: apply(rows)[::-1], [("rows-reordered", None, ALL)]),
    "noise": (
        lambda rows: apply(rows) + np.sin(np.arange(rows.size)).reshape(rows.shape),
        [("unknown", None, ALL)],
    ),
}


@pytest.mark.parametrize(("serve", "expected"), MISTAKES.values(), ids=list(MISTAKES))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_mistakes_are_recognised(
    serve: Callable[[Array], Array], expected: list[tuple[str, int | None, tuple[int, ...]]], dtype: str
) -> None:
    match = matched(serve(raw_rows()).astype(dtype))
    assert kinds(match) == expected
    assert all(mistake.off > 1e-4 for mistake in match.mistakes)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_rows_match(dtype: str) -> None:
    served = apply(raw_rows()).astype(dtype)
    assert matched(served) == Match(rows=ROWS, features=4, wrong_rows=0, mistakes=())


def test_mixed_up_columns_have_sources() -> None:
    (mistake,) = matched(apply(raw_rows()[:, [0, 2, 1, 3]])).mistakes
    assert mistake.sources == (2, 1)


def test_one_column_refitted() -> None:
    served = apply(raw_rows())
    served[:, 2] = refit(raw_rows())[:, 2]
    assert kinds(matched(served)) == [("refit-all", None, (2,))]


def test_two_mistakes_are_separated_the_wider_first() -> None:
    served = refit(raw_rows())
    served[:, 1] = raw_rows()[:, 1]
    assert kinds(matched(served)) == [("refit-all", None, (0, 2, 3)), ("unscaled", None, (1,))]


def test_a_different_scaler_has_a_shift_and_a_width() -> None:
    served = apply(raw_rows())
    served[:, 3] = (raw_rows()[:, 3] - (CENTRES[3] + 0.3 * SPREADS[3])) / (1.25 * SPREADS[3])
    (mistake,) = matched(served).mistakes
    spread = apply(raw_rows())[:, 3].std()
    assert (mistake.kind, mistake.columns) == ("another-scaler", (3,))
    assert mistake.shift == pytest.approx(0.3 / spread)
    assert mistake.factor == pytest.approx(1.25)


def test_a_falling_line_is_not_a_scaler() -> None:
    assert kinds(matched(-apply(raw_rows()))) == [("inverted:with the opposite sign", None, ALL)]


def test_a_logarithm_before_the_scaler_is_not_a_different_scaler() -> None:
    raw = np.abs(raw_rows()) + 1.0
    served, centres, spreads = apply(raw), 30_000.0, 12_000.0
    raw[:, 3] = np.exp(np.random.default_rng(1).normal(10, 0.5, len(raw)))
    right = (raw[:, 3] - centres) / spreads
    wanted = np.column_stack([served[:, :3], right])
    served[:, 3] = (np.log1p(raw[:, 3]) - centres) / spreads
    assert kinds(match_served_rows(served.astype("float32"), wanted, [])) == [("unknown", None, (3,))]
    served[:, 3] = (raw[:, 3] / 1000 - centres) / spreads
    assert kinds(match_served_rows(served.astype("float32"), wanted, [])) == [("another-scaler", None, (3,))]


def test_one_wrong_row_is_enough_and_is_counted() -> None:
    served = apply(raw_rows())
    served[17, 1] += 0.01
    match = matched(served)
    assert (match.wrong_rows, kinds(match)) == (1, [("unknown", None, (1,))])


def test_rows_that_are_standard_already_do_not_look_unscaled() -> None:
    rows = np.random.default_rng(3).normal(size=(64, 3))
    match = match_served_rows(rows, rows.copy(), [Variant(kind="unscaled", rows=rows)])
    assert match.mistakes == ()


def test_constant_and_binary_columns() -> None:
    rows = raw_rows()
    rows[:, 0], rows[:, 1] = 7.0, rows[:, 1] > 0.5
    assert matched(apply(rows), rows).mistakes == ()
    assert kinds(matched(refit(rows), rows)) == [("refit-all", None, ALL)]


def test_missing_values_are_equal_in_the_same_places_only() -> None:
    rows = raw_rows()
    rows[5, 2] = np.nan
    assert matched(apply(rows), rows).mistakes == ()
    served = apply(rows)
    served[5, 2] = 0.0
    (mistake,) = matched(served, rows).mistakes
    assert (mistake.kind, mistake.columns, mistake.off) == ("unknown", (2,), np.inf)


def test_sequences_are_matched_per_feature() -> None:
    rows = raw_rows(60).reshape(20, 3, 4)
    served = refit_in(8, rows)
    match = match_served_rows(served, apply(rows), variants(rows, served))
    assert kinds(match) == [("refit-batches", 8, ALL)]
    assert (match.rows, match.features) == (20, 4)


def test_a_single_row() -> None:
    rows = raw_rows(1)
    assert kinds(matched(refit(rows), rows)) == [("refit-all", None, ALL)]
    assert kinds(matched(apply(rows) + 1, rows)) == [("unknown", None, ALL)]


def test_variants_of_a_different_shape_are_left_out() -> None:
    right = apply(raw_rows())
    match = match_served_rows(
        right + 1,
        right,
        [Variant(kind="unscaled", rows=raw_rows()[:, :3]), Variant(kind="none", rows=right[:0] + 1)],
    )
    assert kinds(match) == [("another-scaler", None, ALL)]


def test_a_scaler_of_a_different_class_is_a_line_over_the_raw_rows() -> None:
    raw = raw_rows()
    right = np.argsort(np.argsort(raw, axis=0), axis=0) / ROWS
    served = (raw - raw.min(axis=0)) / np.ptp(raw, axis=0)
    (mistake,) = match_served_rows(served, right, (), raw).mistakes
    assert (mistake.kind, mistake.columns, mistake.shift, mistake.factor) == (
        "another-scaler",
        ALL,
        None,
        None,
    )
    assert kinds(match_served_rows(served, right, ())) == [("unknown", None, ALL)]
    some = [("another-scaler", None, (0, 1, 2)), ("unknown", None, (3,))]
    assert kinds(match_served_rows(served, right, (), raw[:, :3])) == some


def test_no_variant_is_generated_if_all_rows_are_right() -> None:
    def never() -> Iterator[Variant]:
        raise AssertionError("a variant was generated")
        yield

    served = apply(raw_rows())
    assert match_served_rows(served, served, never()).mistakes == ()


def test_an_estimate_may_be_further_away() -> None:
    right, served = apply(raw_rows()), refit(raw_rows())
    near = Variant(kind="refit-all", rows=served + 0.01, tolerance=0.02)
    assert match_served_rows(served, right, [near]).mistakes == (
        Mistake(kind="refit-all", columns=ALL, off=match_served_rows(served, right, [near]).mistakes[0].off),
    )
    assert (
        match_served_rows(served, right, [Variant(kind="refit-all", rows=served + 0.01)]).mistakes[0].kind
        == "another-scaler"
    )


def test_shapes_must_agree(wording: SnapshotAssertion) -> None:
    with pytest.raises(ValueError) as caught:
        match_served_rows(raw_rows()[:, :3], raw_rows(), ())
    assert str(caught.value) == wording
