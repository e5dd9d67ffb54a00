"""Measure the difference between two routes' outputs, in pure NumPy; nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.comparison import (
    KEPT_ROWS,
    Comparison,
    WorstRow,
    count_by_size,
    digest_rows,
    flatten_rows,
)
from keras_consistency_cli.measurement.decisions import (
    count_changed_decisions,
    decision_margin,
    find_changed_decisions,
)
from keras_consistency_cli.measurement.distance import is_numeric, max_ulp_difference
from keras_consistency_cli.measurement.facts import Decision
from keras_consistency_cli.measurement.policy import UserLimit

__all__ = ["RowOutputs", "compare"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class RowOutputs:
    """One route's outputs, and where their rows stand in the chunk (None: all rows in order)."""

    outputs: Mapping[str, Array]
    rows: Array | None = None


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """One output of both routes on the same rows, and what is needed to measure it."""

    names: tuple[str, str, str]
    candidate: Array
    reference: Array
    row_numbers: Array
    exact: Array | None = None
    stated: UserLimit | None = None
    decision: Decision | None = None


@dataclass(frozen=True, kw_only=True)
class _Differences:
    """Distances element by element, and by row.

    Elements that are not finite in both outputs have distance 0; `unequal` marks those of them that differ.
    `furthest` is the greatest distance of each row, infinite if any of its elements is marked.
    """

    distance: Array
    both_finite: Array
    unequal: Array
    furthest: Array


@dataclass(frozen=True, kw_only=True)
class _Noise:
    """Both routes compared with the float64 copy, where all three are finite."""

    elements: int = 0
    greatest: float = 0.0
    squares_reference: float = 0.0
    squares_candidate: float = 0.0


def compare(
    names: tuple[str, str],
    candidate: RowOutputs,
    reference: RowOutputs,
    *,
    float64_copy: RowOutputs | None = None,
    stated: Mapping[str, UserLimit | None] | None = None,
    decisions: Mapping[str, Decision | None] | None = None,
    row_numbers: Array | None = None,
) -> tuple[Comparison, ...]:
    """Compare every output of two routes on one chunk of rows.

    Args:
        names: the names of the candidate's and the reference's route.
        candidate: outputs for some or all rows of the chunk.
        reference: outputs to compare them with; only rows that both have are compared.
        float64_copy: the float64 copy's outputs for the chunk, from which rounding noise is measured.
        stated: by output, a stated limit whose excess is measured.
        decisions: by output, how it becomes a decision.
        row_numbers: each position's row number in the user's data, for the worst rows.
    """
    candidate = _keep_common_rows(candidate, reference)
    comparisons = []
    for output in dict.fromkeys((*reference.outputs, *candidate.outputs)):
        name = (*names, output)
        problem = _find_mismatch(name, candidate, reference)
        if problem is not None:
            comparisons.append(
                Comparison(candidate=name[0], reference=name[1], output=output, misshapen=problem)
            )
            continue
        values = candidate.outputs[output]
        pair = _Pair(
            names=name,
            candidate=np.atleast_1d(values),
            reference=np.atleast_1d(_select_rows(reference, output, candidate.rows)),
            row_numbers=_number_rows(len(values) if values.ndim else 1, candidate.rows, row_numbers),
            exact=_exact_values(float64_copy, output, candidate.rows),
            stated=(stated or {}).get(output),
            decision=(decisions or {}).get(output),
        )
        comparisons.append(_measure(pair))
    return tuple(comparisons)


def _keep_common_rows(candidate: RowOutputs, reference: RowOutputs) -> RowOutputs:
    """Return the candidate's outputs for the rows that the reference has outputs for."""
    length = max((len(values) for values in candidate.outputs.values() if values.ndim), default=0)
    rows = np.arange(length) if candidate.rows is None else candidate.rows
    if reference.rows is None or np.array_equal(rows, reference.rows):
        return candidate
    common = np.flatnonzero(np.isin(rows, reference.rows))
    outputs = {
        output: values[common] if values.ndim and len(values) == len(rows) else values
        for output, values in candidate.outputs.items()
    }
    return RowOutputs(outputs=outputs, rows=rows[common])


def _find_mismatch(names: tuple[str, str, str], candidate: RowOutputs, reference: RowOutputs) -> str | None:
    """Return why an output cannot be compared element by element, None if it can."""
    output = names[2]
    for route, given in zip(names, (candidate, reference), strict=False):
        if output not in given.outputs:
            return f"{route} gives no output '{output}'"
    shape = candidate.outputs[output].shape
    reference_shape = _select_rows(reference, output, candidate.rows).shape
    return None if shape == reference_shape else f"{shape} against {reference_shape}"


def _select_rows(source: RowOutputs, output: str, positions: Array | None) -> Array:
    """Return the rows of one output that stand at these positions of the chunk."""
    values = source.outputs[output]
    if positions is None or (source.rows is not None and np.array_equal(positions, source.rows)):
        return values
    if source.rows is None:
        return values[positions] if len(positions) == 0 or positions.max() < len(values) else values
    places = {int(position): place for place, position in enumerate(source.rows)}
    return values[[places[int(position)] for position in positions]]


def _exact_values(float64_copy: RowOutputs | None, output: str, positions: Array | None) -> Array | None:
    if float64_copy is None or output not in float64_copy.outputs:
        return None
    return _select_rows(float64_copy, output, positions)


def _number_rows(rows: int, positions: Array | None, row_numbers: Array | None) -> Array:
    local = np.arange(rows) if positions is None or len(positions) != rows else positions
    if row_numbers is None or (len(local) and local.max() >= len(row_numbers)):
        return local
    return row_numbers[local]


def _measure(pair: _Pair) -> Comparison:
    if is_numeric(pair.candidate.dtype) and is_numeric(pair.reference.dtype):
        return _measure_numbers(pair)
    return _measure_text(pair)


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def _measure_numbers(pair: _Pair) -> Comparison:
    a, b = pair.candidate.astype(np.float64), pair.reference.astype(np.float64)
    differences = _difference(pair, a, b)
    changed = find_changed_decisions(a, b, pair.decision)
    counts = count_changed_decisions(changed, pair.row_numbers, KEPT_ROWS)
    excess, over = _excess(differences, b, pair.stated)
    noise = _measure_noise(a, b, pair.exact)
    finite = b[np.isfinite(b)]
    return Comparison(
        candidate=pair.names[0],
        reference=pair.names[1],
        output=pair.names[2],
        dtype=str(pair.reference.dtype),
        rows=len(a),
        row_digests=digest_rows(b),
        elements=a.size,
        mismatched=int(np.count_nonzero(differences.distance) + differences.unequal.sum()),
        rows_differing=int(np.count_nonzero(differences.furthest)),
        max_abs=float(differences.distance.max(initial=0.0)),
        max_rel=_greatest_ratio(differences, np.maximum(np.abs(a), np.abs(b))),
        max_ulp=max_ulp_difference(pair.candidate, pair.reference, differences.both_finite),
        scale=float(np.abs(finite).max(initial=0.0)),
        sum_squares=float(np.square(differences.distance).sum()),
        sum_squares_scale=float(np.square(finite).sum()),
        nonfinite=int(differences.unequal.sum()),
        nonfinite_candidate=int((~np.isfinite(a)).sum()),
        nonfinite_reference=int((~np.isfinite(b)).sum()),
        decision=pair.decision,
        decisions=counts.decisions,
        flipped=counts.flipped,
        flipped_rows=counts.flipped_rows,
        stated_excess=excess,
        stated_over=over,
        noise_elements=noise.elements,
        noise_max=noise.greatest,
        noise_squares_reference=noise.squares_reference,
        noise_squares_candidate=noise.squares_candidate,
        worst=tuple(_worst_rows(pair, differences, b, changed)),
        row_histogram=count_by_size(differences.furthest),
    )


def _difference(pair: _Pair, a: Array, b: Array) -> _Differences:
    both = np.isfinite(a) & np.isfinite(b)
    unequal = ~both & ~((a == b) | (np.isnan(a) & np.isnan(b)))
    distance = np.where(both, np.abs(a - b), 0.0)
    # Whole numbers beyond 2**53 may coincide as float64 without being equal.
    distance = np.where(both & (distance == 0) & (pair.candidate != pair.reference), 1.0, distance)
    furthest = flatten_rows(np.where(unequal, np.inf, distance)).max(axis=1, initial=0.0)
    return _Differences(distance=distance, both_finite=both, unequal=unequal, furthest=furthest)


def _measure_text(pair: _Pair) -> Comparison:
    differs = np.asarray(pair.candidate.astype(str) != pair.reference.astype(str))
    furthest = np.where(flatten_rows(differs).any(axis=1), np.inf, 0.0)
    differences = _Differences(
        distance=differs.astype(float), both_finite=~differs, unequal=differs, furthest=furthest
    )
    return Comparison(
        candidate=pair.names[0],
        reference=pair.names[1],
        output=pair.names[2],
        dtype="string",
        rows=len(furthest),
        elements=differs.size,
        mismatched=int(differs.sum()),
        rows_differing=int(np.count_nonzero(furthest)),
        max_abs=float(differs.any()),
        stated_over=int(differs.sum()),  # no limit makes different words equal
        worst=tuple(_worst_rows(pair, differences, pair.reference, None)),
        row_histogram=count_by_size(furthest),
    )


def _greatest_ratio(differences: _Differences, size: Array) -> float:
    ratio = np.where(differences.both_finite & (differences.distance > 0), differences.distance / size, 0.0)
    return float(np.nan_to_num(ratio, nan=0.0, posinf=np.finfo(float).max).max(initial=0.0))


def _excess(differences: _Differences, b: Array, stated: UserLimit | None) -> tuple[float, int]:
    """Return by how much the stated limit is exceeded at most, and in how many elements."""
    if stated is None:
        return 0.0, 0
    size = np.abs(np.where(differences.both_finite, b, 0.0))
    excess = np.where(differences.both_finite, differences.distance - (stated.atol + stated.rtol * size), 0.0)
    return float(max(0.0, excess.max(initial=0.0))), int((~(excess <= 0)).sum())


def _measure_noise(a: Array, b: Array, exact: Array | None) -> _Noise:
    if exact is None or exact.shape != b.shape or not is_numeric(exact.dtype):
        return _Noise()
    usable = np.isfinite(a) & np.isfinite(b) & np.isfinite(exact)
    of_reference, of_candidate = (np.where(usable, values - exact, 0.0) for values in (b, a))
    return _Noise(
        elements=int(usable.sum()),
        greatest=float(np.abs(of_reference).max(initial=0.0)),
        squares_reference=float(np.square(of_reference).sum()),
        squares_candidate=float(np.square(of_candidate).sum()),
    )


def _worst_rows(
    pair: _Pair, differences: _Differences, b: Array, changed: Array | None
) -> Iterator[WorstRow]:
    """Yield the rows that differ most, the greatest difference first."""
    places = np.argsort(-differences.furthest, kind="stable")[:KEPT_ROWS]
    for place in places[differences.furthest[places] > 0]:
        distances = np.where(differences.unequal[place], np.inf, differences.distance[place])
        index = tuple(int(i) for i in np.unravel_index(int(distances.argmax()), distances.shape))
        yield WorstRow(
            row=int(pair.row_numbers[place]),
            index=index,
            candidate=pair.candidate[place][index].item(),
            reference=pair.reference[place][index].item(),
            distance=float(distances[index]),
            margin=None
            if changed is None or pair.decision is None
            else decision_margin(b[place], index, pair.decision),
            flipped=changed is not None and bool(np.any(changed[place])),
        )
