"""measure: what a comparison measures, and that chunks merge into the same numbers."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.measurement.comparison import EDGES, Comparison, WorstRow, merge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import UserLimit

NAN, INF = float("nan"), float("inf")
SUMS = ("sum_squares", "sum_squares_scale", "noise_squares_reference", "noise_squares_candidate")

quickly = settings(deadline=None, max_examples=60, derandomize=True)


def one(a: Any, b: Any, **keywords: Any) -> Comparison:
    """Compare the single output "out" of routes "a" and "b"."""
    if keywords.get("float64_copy") is not None:
        keywords["float64_copy"] = RowOutputs(outputs={"out": keywords["float64_copy"]})
    for name in ("stated", "decisions"):
        if name in keywords:
            keywords[name] = {"out": keywords[name]}
    candidate, reference = (RowOutputs(outputs={"out": np.asarray(values)}) for values in (a, b))
    (comparison,) = compare(("a", "b"), candidate, reference, **keywords)
    return comparison


def floats(values: Any) -> np.ndarray:
    return np.array(values, np.float32)


def binned(*distances: float) -> tuple[int, ...]:
    """The histogram of rows at these distances."""
    counts = [0] * (len(EDGES) + 1)
    for distance in distances:
        counts[sum(edge <= distance for edge in EDGES)] += 1
    return tuple(counts)


def test_every_field_is_measured() -> None:
    comparison = one(
        floats([[1.0, 2.0], [4.0, 4.5], [0.25, 8.0]]),
        floats([[1.0, 2.0], [4.0, 4.0], [0.5, 8.0]]),
        float64_copy=np.array([[1.0, 2.0], [4.0, 4.0], [0.5, 8.25]]),
        stated=UserLimit(rtol=0.0, atol=0.3),
        decisions="threshold",
        row_numbers=np.array([10, 20, 30]),
    )
    assert comparison.distinct_rows == 3
    assert replace(comparison, row_digests=()) == Comparison(
        candidate="a",
        reference="b",
        output="out",
        rows=3,
        elements=6,
        mismatched=2,
        rows_differing=2,
        max_abs=0.5,
        max_rel=0.5,
        max_ulp=2**23,
        scale=8.0,
        sum_squares=0.3125,
        sum_squares_scale=1.0 + 4.0 + 16.0 + 16.0 + 0.25 + 64.0,
        decision="threshold",
        decisions=6,
        flipped=1,
        flipped_rows=(30,),
        stated_excess=0.2,
        stated_over=1,
        noise_elements=6,
        noise_max=0.25,
        noise_squares_reference=0.0625,
        noise_squares_candidate=0.25 + 0.0625 + 0.0625,
        worst=(
            WorstRow(row=20, index=(1,), candidate=4.5, reference=4.0, distance=0.5, margin=3.5),
            WorstRow(
                row=30, index=(0,), candidate=0.25, reference=0.5, distance=0.25, margin=0.0, flipped=True
            ),
        ),
        row_histogram=binned(0.0, 0.5, 0.25),
    )
    assert (comparison.scaled, comparison.identical) == (0.0625, False)


@pytest.mark.parametrize(
    ("a", "b", "disagree", "candidate", "reference", "identical"),
    [
        ([NAN, 1], [NAN, 1], 0, 1, 1, True),
        ([INF, -INF], [INF, -INF], 0, 2, 2, True),
        ([NAN, 1], [0, 1], 1, 1, 0, False),
        ([0, 1], [NAN, 1], 1, 0, 1, False),
        ([INF, 1], [-INF, 1], 1, 1, 1, False),
        ([INF, 1], [NAN, 1], 1, 1, 1, False),
    ],
)
def test_values_that_are_not_finite_are_counted_and_have_no_distance(
    a: list[float], b: list[float], disagree: int, candidate: int, reference: int, identical: bool
) -> None:
    comparison = one(floats([a]), floats([b]))
    assert (
        comparison.nonfinite,
        comparison.nonfinite_candidate,
        comparison.nonfinite_reference,
        comparison.identical,
    ) == (
        disagree,
        candidate,
        reference,
        identical,
    )
    assert (comparison.max_abs, comparison.max_rel, comparison.max_ulp, comparison.sum_squares) == (
        0.0,
        0.0,
        0,
        0.0,
    )
    assert (comparison.mismatched, comparison.rows_differing, comparison.rows_over(1e6)) == (
        disagree,
        disagree,
        disagree,
    )


def test_a_row_that_is_finite_in_one_output_only_is_the_worst() -> None:
    comparison = one(floats([[1.0], [NAN], [5.0]]), floats([[1.0], [2.0], [1.0]]))
    assert [(worst.row, worst.distance) for worst in comparison.worst] == [(1, INF), (2, 4.0)]
    assert np.isnan(comparison.worst[0].candidate)
    assert comparison.worst[0].reference == 2.0


def test_at_most_five_worst_rows_are_kept() -> None:
    comparison = one(floats(range(9)).reshape(-1, 1), np.zeros((9, 1), np.float32))
    assert [worst.row for worst in comparison.worst] == [8, 7, 6, 5, 4]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1))),
        (np.zeros((4, 2)), np.zeros((3, 2))),
        (np.zeros(3), np.zeros((3, 1))),
    ],
    ids=["width", "length", "rank"],
)
def test_shapes_are_never_broadcast(a: np.ndarray, b: np.ndarray, wording: SnapshotAssertion) -> None:
    comparison = one(a, b)
    assert replace(comparison, misshapen=None) == Comparison(candidate="a", reference="b", output="out")
    assert not comparison.identical
    assert comparison.misshapen == wording


def test_an_output_of_one_route_only_is_reported(wording: SnapshotAssertion) -> None:
    both, left, right = np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1))
    comparisons = compare(
        ("a", "b"),
        RowOutputs(outputs={"both": both, "left": left}),
        RowOutputs(outputs={"right": right, "both": both}),
    )
    assert {pair.output: pair.misshapen is None for pair in comparisons} == {
        "right": False,
        "both": True,
        "left": False,
    }
    assert {pair.output: pair.misshapen for pair in comparisons} == wording


def test_no_rows_measure_nothing() -> None:
    comparison = one(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32))
    assert comparison == Comparison(candidate="a", reference="b", output="out")
    assert sum(comparison.row_histogram) == 0


@pytest.mark.parametrize("shape", [(4,), (4, 0), (4, 2, 3, 1)])
def test_any_rank_with_a_row_axis(shape: tuple[int, ...]) -> None:
    comparison = one(np.ones(shape, np.float32), np.zeros(shape, np.float32))
    assert (comparison.rows, comparison.elements, comparison.mismatched) == (
        4,
        np.zeros(shape).size,
        np.zeros(shape).size,
    )
    assert all(len(worst.index) == len(shape) - 1 for worst in comparison.worst)


def test_an_output_without_row_axis_counts_as_one_row() -> None:
    comparison = one(np.float32(3.0), np.float32(1.0))
    assert (comparison.rows, comparison.elements, comparison.max_abs, comparison.rows_differing) == (
        1,
        1,
        2.0,
        1,
    )
    assert [(worst.index, worst.distance) for worst in comparison.worst] == [((), 2.0)]


def test_integers_and_booleans_are_compared_by_value() -> None:
    assert one(np.array([[1], [5]]), np.array([[1], [3]])).max_abs == 2.0
    comparison = one(np.array([[True], [False]]), np.array([[True], [True]]))
    assert (comparison.mismatched, comparison.max_abs, comparison.max_ulp, comparison.dtype) == (
        1,
        1.0,
        0,
        "bool",
    )


def test_integers_beyond_float64_are_not_identical() -> None:
    assert not one(np.array([[2**53 + 1]]), np.array([[2**53]])).identical


def test_strings_are_equal_or_not() -> None:
    comparison = one(
        np.array([["cat", "dog"], ["cat", "cow"]]),
        np.array([["cat", "dog"], ["cat", "dog"]]),
        row_numbers=np.array([7, 8]),
    )
    assert comparison == Comparison(
        candidate="a",
        reference="b",
        output="out",
        dtype="string",
        rows=2,
        elements=4,
        mismatched=1,
        rows_differing=1,
        max_abs=1.0,
        worst=(WorstRow(row=8, index=(1,), candidate="cow", reference="dog", distance=INF),),
        stated_over=1,
        row_histogram=binned(0.0, INF),
    )


def test_no_stated_limit_makes_different_strings_equal() -> None:
    assert (
        one(np.array([["cat"]]), np.array([["dog"]]), stated=UserLimit(rtol=1.0, atol=1e9)).stated_over == 1
    )
    assert (
        one(np.array([["cat"]]), np.array([["cat"]]), stated=UserLimit(rtol=0.0, atol=0.0)).stated_over == 0
    )


@pytest.mark.parametrize(
    ("decision", "a", "b", "flipped"),
    [
        ("argmax", [[0.6, 0.4], [0.1, 0.9]], [[0.4, 0.6], [0.1, 0.9]], 1),
        ("argmax", [[0.9], [0.1]], [[0.1], [0.9]], 0),
        ("threshold", [[0.5], [0.4]], [[0.4999], [0.1]], 1),
        (None, [[0.6, 0.4]], [[0.4, 0.6]], 0),
    ],
)
def test_flipped_decisions(decision: Any, a: list[list[float]], b: list[list[float]], flipped: int) -> None:
    comparison = one(floats(a), floats(b), decisions=decision)
    assert (comparison.flipped, comparison.decision) == (flipped, decision)


def test_outputs_for_some_rows_are_compared_with_those_rows_of_the_reference() -> None:
    whole = np.arange(5.0, dtype=np.float32).reshape(-1, 1)
    some = RowOutputs(outputs={"out": whole[[1, 4]] + floats([[0], [1]])}, rows=np.array([1, 4]))
    against = {
        "all": RowOutputs(outputs={"out": whole}),
        "picked": RowOutputs(outputs={"out": whole[[4, 2, 1]]}, rows=np.array([4, 2, 1])),
    }
    for reference in against.values():
        comparison = compare(
            ("a", "b"),
            some,
            reference,
            float64_copy=RowOutputs(outputs={"out": whole}),
            row_numbers=np.arange(100, 105),
        )[0]
        assert comparison.worst == (
            WorstRow(row=104, index=(0,), candidate=5.0, reference=4.0, distance=1.0),
        )
        assert (comparison.rows, comparison.noise_max) == (2, 0.0)


def test_only_rows_that_both_routes_answered_are_compared() -> None:
    every = RowOutputs(outputs={"out": floats([[1.0], [2.0], [3.0], [4.0]])})
    first = RowOutputs(outputs={"out": floats([[1.0], [2.5]])}, rows=np.arange(2))
    later = RowOutputs(outputs={"out": floats([[2.0], [9.0]])}, rows=np.array([1, 3]))
    for candidate, reference, worst in ((every, first, 1), (first, every, 1), (later, first, 1)):
        (comparison,) = compare(("a", "b"), candidate, reference, row_numbers=np.array([10, 11, 12, 13]))
        assert comparison.misshapen is None
        assert (comparison.max_abs, comparison.worst[0].row) == (0.5, 10 + worst)


def test_a_float64_copy_of_different_shape_or_dtype_measures_no_noise() -> None:
    for float64_copy in (np.zeros((2, 2)), np.array([["x"]])):
        assert one(floats([[1.0]]), floats([[1.0]]), float64_copy=float64_copy).noise_elements == 0


def test_noise_leaves_out_values_that_are_not_finite() -> None:
    comparison = one(
        floats([[1, 1, NAN, 1]]), floats([[1, NAN, 1, 1]]), float64_copy=np.array([[1.5, 1, 1, INF]])
    )
    assert (comparison.noise_elements, comparison.noise_max) == (1, 0.5)


def test_a_limit_that_is_not_a_number_lets_nothing_pass() -> None:
    assert one(floats([[1.0]]), floats([[2.0]]), stated=UserLimit(rtol=NAN, atol=0.0)).stated_over == 1


def test_values_beyond_the_narrower_type_are_measured_without_a_warning() -> None:
    comparison = one(np.array([[1e300]]), floats([[1.0]]))
    assert (comparison.max_abs, comparison.identical) == (1e300, False)


# --- properties


rows_of_floats = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=7)


@st.composite
def pairs(draw: st.DrawFn, *, finite: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 arrays of one shape, equal in part."""
    shape = draw(rows_of_floats)
    elements = st.floats(width=32, allow_nan=not finite, allow_infinity=not finite)
    a, b = (draw(hnp.arrays(np.float32, shape, elements=elements)) for _ in range(2))
    return np.where(draw(hnp.arrays(np.bool_, shape)), a, b), b


def assert_equal_but_for_rounding(merged: Comparison, whole: Comparison) -> None:
    """Equal in every field; sums of floats up to the order of adding."""
    a, b = asdict(merged), asdict(whole)
    for name in SUMS:
        assert a.pop(name) == pytest.approx(b.pop(name), rel=1e-12)
    assert repr(a) == repr(b)  # NaN equals NaN in text


@quickly
@given(
    pair=pairs(),
    cuts=st.lists(st.integers(0, 7), max_size=3),
    decision=st.sampled_from(["argmax", "threshold", None]),
)
def test_chunks_merge_into_the_comparison_of_all_rows(
    pair: tuple[np.ndarray, np.ndarray], cuts: list[int], decision: Any
) -> None:
    a, b = pair
    numbers = np.arange(len(a)) * 10
    options: dict[str, Any] = {"stated": UserLimit(rtol=1e-3, atol=1e-3), "decisions": decision}
    float64_copy = np.where(np.isfinite(b), b.astype(np.float64) * (1 + 1e-9), 1.0)
    edges = sorted({0, len(a), *(cut for cut in cuts if cut < len(a))})
    chunks = [slice(start, end) for start, end in pairwise(edges)]
    parts = [
        one(a[chunk], b[chunk], float64_copy=float64_copy[chunk], row_numbers=numbers[chunk], **options)
        for chunk in chunks
    ]
    assert_equal_but_for_rounding(
        merge(parts), one(a, b, float64_copy=float64_copy, row_numbers=numbers, **options)
    )


@quickly
@given(pair=pairs())
def test_merging_with_no_rows_changes_nothing(pair: tuple[np.ndarray, np.ndarray]) -> None:
    whole, nothing = one(*pair), one(pair[0][:0], pair[1][:0])
    assert_equal_but_for_rounding(whole + nothing, whole)
    assert_equal_but_for_rounding(nothing + whole, whole)


@quickly
@given(pair=pairs())
def test_distances_are_symmetric(pair: tuple[np.ndarray, np.ndarray]) -> None:
    there, back = one(*pair), one(*reversed(pair))
    counts = ("rows", "elements", "mismatched", "rows_differing", "nonfinite", "row_histogram", "identical")
    names = (*counts, "max_abs", "max_rel", "max_ulp", "sum_squares")
    assert {name: getattr(there, name) for name in names} == {name: getattr(back, name) for name in names}
    assert (there.nonfinite_candidate, there.nonfinite_reference) == (
        back.nonfinite_reference,
        back.nonfinite_candidate,
    )
    assert [(worst.row, worst.index, worst.distance) for worst in there.worst] == [
        (worst.row, worst.index, worst.distance) for worst in back.worst
    ]


@quickly
@given(pair=pairs())
def test_identical_means_that_numpy_finds_no_difference(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    assert one(a, a.copy()).identical
    assert one(a, b).identical == np.array_equal(a, b, equal_nan=True)
    assert one(a, b).mismatched == np.count_nonzero(~((a == b) | (np.isnan(a) & np.isnan(b))))


@quickly
@given(pair=pairs(finite=True))
def test_measures_are_those_of_plain_numpy(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = (each.astype(np.float64) for each in pair)
    comparison, distance = one(*pair), np.abs(a - b)
    assert (comparison.max_abs, comparison.scale) == (distance.max(), np.abs(b).max())
    assert comparison.sum_squares == pytest.approx(np.square(distance).sum())
    assert comparison.rows_differing == distance.reshape(len(a), -1).any(axis=1).sum()
    assert comparison.worst == () or comparison.worst[0].distance == distance.max()


@quickly
@given(pair=pairs(finite=True), rtol=st.floats(0, 2), atol=st.floats(0, 1e6))
def test_a_stated_limit_is_that_of_numpy(
    pair: tuple[np.ndarray, np.ndarray], rtol: float, atol: float
) -> None:
    a, b = (each.astype(np.float64) for each in pair)
    comparison = one(*pair, stated=UserLimit(rtol=rtol, atol=atol))
    assert comparison.stated_over == np.count_nonzero(~np.isclose(a, b, rtol=rtol, atol=atol))
    assert (comparison.stated_excess > 0) == (comparison.stated_over > 0)


@quickly
@given(pair=pairs(), limit=st.floats(1e-19, 1e11))
def test_histogram_counts_every_row_once_and_never_too_few(
    pair: tuple[np.ndarray, np.ndarray], limit: float
) -> None:
    a, b = (each.astype(np.float64) for each in pair)
    comparison = one(*pair)
    assert sum(comparison.row_histogram) == comparison.rows == len(a)
    with np.errstate(invalid="ignore"):
        distance = (
            np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.nan_to_num(np.abs(a - b), nan=INF))
            .reshape(len(a), -1)
            .max(axis=1)
        )
    assert (
        (distance > limit).sum()
        <= comparison.rows_over(limit)
        <= (distance > limit / 10 ** (1 / 8) * (1 - 1e-9)).sum()
    )


def test_margins_measure_how_near_a_decision_was_to_a_different_one() -> None:
    reference = floats([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    candidate = floats([[0.2, 0.25, 0.55], [0.1, 0.1, 0.8], [0.35, 0.35, 0.3]])
    comparison = one(candidate, reference, decisions="argmax", row_numbers=np.array([5, 6, 7]))
    assert [(each.row, round(each.margin or 0, 6), each.flipped) for each in comparison.worst] == [
        (5, 0.2, True),
        (7, 0.1, True),
    ]
    assert (comparison.flipped, comparison.flipped_rows) == (2, (5, 7))


def test_the_margin_of_a_row_is_that_of_its_greatest_difference() -> None:
    reference = floats([[[0.9, 0.1], [0.4, 0.6]]])
    candidate = floats([[[0.9, 0.1], [0.6, 0.4]]])
    (worst,) = one(candidate, reference, decisions="argmax").worst
    assert (worst.index[0], round(worst.margin or 0, 6), worst.flipped) == (1, 0.2, True)


def test_without_a_decision_there_is_no_margin() -> None:
    (worst,) = one(floats([[1.0]]), floats([[2.0]])).worst
    assert (worst.margin, worst.flipped) == (None, False)


def test_the_first_flipped_rows_of_all_chunks_are_kept() -> None:
    chunks = [
        one(
            floats([[0.6]] * 4), floats([[0.4]] * 4), decisions="threshold", row_numbers=np.arange(4) + 4 * at
        )
        for at in range(3)
    ]
    assert merge(chunks).flipped_rows == (0, 1, 2, 3, 4)
