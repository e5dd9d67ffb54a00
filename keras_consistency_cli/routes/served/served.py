"""The route of the served rows: the model's outputs for them, and the mistakes in them.

Mistakes of batches only show in consecutive rows, so the first rows of the data are matched as well as the
sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.measurement.distance import is_integer, is_numeric
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.calling.ids.looked_up_rows import LookedUp
from keras_consistency_cli.routes.scaling.column_distance import TOLERANCE
from keras_consistency_cli.routes.served.decoded_jpeg import choose_decoder, is_explained, measure_decoding
from keras_consistency_cli.routes.served.misplaced.exchanged_inputs import (
    InputRows,
    find_exchanged_inputs,
    is_exchange,
)
from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.mistakes import Match, MatchDetails, Mistake, ServedInput, Variant
from keras_consistency_cli.routes.served.variants import (
    SINGLE_ROWS,
    generate_plain_variants,
    generate_variants,
    stop_at_refusal,
)
from keras_consistency_cli.routes.session.kept_ids import find_ids
from keras_consistency_cli.routes.trace import Result, Rows, WhyNoOutputs
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.loading.scalers.scaling import Scaling
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["SERVED_ROUTES", "ServedDetails"]

_WINDOW_ROWS, _WINDOW_BYTES = 4096, 32 * 2**20
_WHOLE_BYTES = 64 * 2**20
_SAMPLE_TOLERANCE = 5.0
"""In spreads, divided by the root of the rows: distance of a scaler fitted on a sample.

It is measured from a scaler that was fitted on all rows.
"""
_INVERSE_TOLERANCE = 1e-3
"""In spreads: cost of inverting the scaler, and of rounding."""


class ServedDetails(WhyNoOutputs, total=False):
    """Details of the route `served`, by input: the match, and the names of the columns if they are known."""

    inputs: dict[str, MatchDetails]
    names: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class _MatchedRows:
    """The rows that are matched.

    Args:
        numbers: their numbers in the data.
        consecutive: number of consecutive rows at the beginning.
    """

    numbers: np.ndarray
    consecutive: int


def _run_served(session: Session, rows: Rows) -> Result:
    served = session.subject.sources.served(session.row_numbers)
    if served is None:
        nothing: ServedDetails = {"reason": "no served rows given"}
        return Result(outputs={}, details=nothing)
    looked_up = LookedUp.of(session, served)
    matches = _match_inputs(session, _choose_rows(session), looked_up)
    details: ServedDetails = {"inputs": matches, "names": _column_names(session.subject.scaling)}
    try:
        outputs = looked_up.run(session, {name: served[name] for name in rows})
    except Exception:
        if not any(match.get("mistakes") or match.get("misshapen") for match in matches.values()):
            raise
        # The mistake is known, and it is the reason: a code beyond a table, for example.
        return Result(outputs={}, details=details)
    return Result(outputs=outputs, details=details)


def _match_inputs(session: Session, matched: _MatchedRows, looked_up: LookedUp) -> dict[str, MatchDetails]:
    """Return the match of each input.

    Inputs that have each other's rows come first. A single input with the rows of another one is that only if
    nothing else explains it: the other input may hold the same rows without the scaler.
    """
    expected, raw = session.subject.rows(matched.numbers), session.subject.raw(matched.numbers)
    fed = session.subject.sources.served(matched.numbers) or {}
    raw, expected, fed = looked_up.replace_texts(raw, expected, fed)
    scaling = session.subject.scaling
    inputs = {
        name: InputRows(
            served=fed[name],
            expected=values,
            raw=raw[name],
            scale=partial(_scale_or_none, scaling) if scaling is not None and scaling.input == name else None,
        )
        for name, values in expected.items()
    }
    exchanged = find_exchanged_inputs(inputs)
    matches = {}
    for name, own in inputs.items():
        other = exchanged.get(name)
        if other is not None and is_exchange(exchanged):
            matches[name] = _as_details(other.match, matched)
            continue
        matches[name] = _match_decoded(session, name, matched, own)
        if other is not None and not is_explained(matches[name]):
            matches[name] = _as_details(other.match, matched)
    return matches


def _match_decoded(session: Session, name: str, matched: _MatchedRows, own: InputRows) -> MatchDetails:
    """Return the match of one input; for a folder of JPEG files, with the decoder that explains more."""
    match = _match_input(session, name, matched, own)
    decoded = session.subject.sources.decoded_fast(matched.numbers) if match.get("mistakes") else None
    if decoded is None:
        return match
    other = replace(own, raw=decoded[name], expected=session.subject.scaled(decoded)[name])
    match_fast = _match_input(session, name, matched, other)
    apart = measure_decoding(decoded[name], own.raw, session.subject.sources.level)
    return choose_decoder(match, {**match_fast, "decoded": apart})


def _scale_or_none(scaling: Scaling, rows: np.ndarray) -> np.ndarray | None:
    try:
        return scaling.apply(rows)
    except KcheckError:
        return None


def _choose_rows(session: Session) -> _MatchedRows:
    """Return as many first rows as memory allows, and the rest of the sample."""
    length = session.subject.length
    row_bytes = sum(values.nbytes for values in session.subject.raw(np.arange(1)).values())
    window = min(length, _WINDOW_ROWS, max(_WINDOW_BYTES // max(row_bytes, 1), 1))
    sampled = session.row_numbers[session.row_numbers >= window]
    return _MatchedRows(numbers=np.concatenate([np.arange(window), sampled]), consecutive=window)


def _match_input(session: Session, name: str, matched: _MatchedRows, own: InputRows) -> MatchDetails:
    """Return the match of one input as plain data."""
    raw, expected, served = own.raw, own.expected, own.served
    if served.shape != expected.shape or not is_numeric(expected.dtype):
        if served.shape == expected.shape and bool((served == expected).all()):
            return {"misshapen": None}
        kinds = (f"{values.shape[1:]} {values.dtype}" for values in (served, expected))
        return {"misshapen": ", not ".join(kinds)}
    variants = _generate(session, name, matched, raw=raw, expected=expected, served=served)
    codes, padding = _find_code_columns(session, name, expected), _find_padding(session, name, matched, own)
    match = match_served_rows(served, expected, variants, raw, codes, padding)
    return _as_details(match, matched)


def _as_details(match: Match, matched: _MatchedRows) -> MatchDetails:
    return cast(MatchDetails, asdict(_with_row_numbers(match, matched.numbers)))


def _find_code_columns(session: Session, name: str, expected: np.ndarray) -> frozenset[int]:
    """Return the columns of an input that hold ids of a table, or of a lookup inside the model."""
    if name in {fact.name for fact in session.facts.lookups} and is_integer(expected.dtype):
        return frozenset(range(math.prod(expected.shape[1:])))
    if expected.ndim < 2:
        return frozenset()
    ids = np.broadcast_to(find_ids(session, name, expected), expected.shape)
    return frozenset(np.flatnonzero(ids.reshape(-1, expected.shape[-1]).all(axis=0)).tolist())


def _find_padding(session: Session, name: str, matched: _MatchedRows, own: InputRows) -> np.ndarray | None:
    """Return which time steps of an input are padding, as the user or the model declares it."""
    declared = session.subject.padding
    if not declared.is_possible:
        return None
    return declared.find({name: own.raw}, fed={name: own.expected}, numbers=matched.numbers).get(name)


def _with_row_numbers(match: Match, numbers: np.ndarray) -> Match:
    """Return the match with row numbers of the data instead of positions."""
    return replace(match, mistakes=tuple(_number_rows(mistake, numbers) for mistake in match.mistakes))


def _number_rows(mistake: Mistake, numbers: np.ndarray) -> Mistake:
    if mistake.last is None:
        return mistake
    positions = [*mistake.first, mistake.last]
    rows = numbers[positions].tolist()
    return replace(
        mistake,
        first=tuple(rows[:-1]),
        last=rows[-1],
        # After the consecutive rows, row numbers are not positions, and so the distances differ as well.
        every=mistake.every if rows == positions else 0,
        others=tuple((int(numbers[row]), int(numbers[source])) for row, source in mistake.others),
    )


def _column_names(scaling: Scaling | None) -> dict[str, list[str]]:
    """Return the names of the columns of the scaler's input."""
    names = None if scaling is None else scaling.column_names
    return {} if scaling is None or not names else {scaling.input: [clean(name) for name in names]}


def _generate(
    session: Session,
    name: str,
    matched: _MatchedRows,
    *,
    raw: np.ndarray,
    expected: np.ndarray,
    served: np.ndarray,
) -> Iterator[Variant]:
    """Yield variants for one input.

    The scaler may also have been applied to an input that it does not belong to.
    """
    scaling = session.subject.scaling
    if scaling is None:
        yield from stop_at_refusal(_generate_for_joint(session, name, raw, matched.numbers))
        yield from generate_plain_variants(expected, served)
    elif name != scaling.input:
        yield from stop_at_refusal(_scale_again("scaled-too", scaling, expected))
        yield from generate_plain_variants(expected, served)
    elif session.subject.files.data_state == "scaled":
        yield from stop_at_refusal(_scale_again("scaled-twice", scaling, expected))
        yield from stop_at_refusal(_invert_scaling(scaling, expected))
        yield from generate_plain_variants(expected, served)
    else:
        case = ServedInput(
            scaling=scaling,
            raw=raw,
            expected=expected,
            served=served,
            consecutive=matched.consecutive,
            sizes=(session.batch_size, *session.options.sizes),
            refit_all=partial(_refit_on_data, session, scaling, matched.numbers),
            requests=session.subject.sources.requests(matched.numbers),
        )
        yield from generate_variants(case)


def _generate_for_joint(
    session: Session, name: str, raw: np.ndarray, numbers: np.ndarray
) -> Iterator[Variant]:
    """Yield variants for a function that prepares several inputs at once."""
    joint = session.subject.joint
    if joint is not None and session.subject.files.data_state == "raw":
        yield Variant(kind="unscaled", rows=raw)
        single = joint.apply_row_by_row(session.subject.raw(numbers[:SINGLE_ROWS]))[name]
        yield Variant(kind="scaled-alone", rows=single, batch=1)


def _scale_again(kind: str, scaling: Scaling, expected: np.ndarray) -> Iterator[Variant]:
    yield Variant(kind=kind, rows=scaling.apply(expected))


def _invert_scaling(scaling: Scaling, expected: np.ndarray) -> Iterator[Variant]:
    """Yield the rows as they were before the scaler, if it can be inverted."""
    if hasattr(scaling.scaler, "inverse_transform"):
        yield Variant(kind="unscaled", rows=scaling.invert(expected), tolerance=_INVERSE_TOLERANCE)


def _refit_on_data(session: Session, scaling: Scaling, numbers: np.ndarray) -> tuple[np.ndarray, float]:
    """Return these rows scaled by fit_transform on all data, and a tolerance.

    Large data are sampled.
    """
    length = session.subject.length
    row_bytes = session.subject.raw(np.arange(1))[scaling.input].nbytes
    limit = max(_WHOLE_BYTES // max(row_bytes, 1), 1)
    if length <= limit:
        fitted_on, tolerance = np.arange(length), TOLERANCE
    else:
        sample = np.linspace(0, length - 1, limit).astype(np.int64)
        fitted_on, tolerance = np.union1d(sample, numbers), _SAMPLE_TOLERANCE / math.sqrt(limit)
    refitted = scaling.refit_transform(session.subject.raw(fitted_on)[scaling.input])
    return refitted[np.searchsorted(fitted_on, numbers)], tolerance


SERVED_ROUTES: tuple[Route, ...] = (
    Route(name="served", summary="the rows that serving fed to the model", run=_run_served),
)
