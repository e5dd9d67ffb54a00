"""The route about padding: rows with and without it, on both sides, by several lengths, and rows of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.sequences.ignored_masks import unheeded
from keras_consistency_cli.routes.sequences.mask_restoring import lost_mask_moves
from keras_consistency_cli.routes.sequences.series import (
    Padded,
    any_length,
    look_for_padding,
    no_time,
    padding_beyond,
    series_inputs,
)
from keras_consistency_cli.routes.session.batches import count, first, some, stack
from keras_consistency_cli.routes.session.distances import furthest
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["PADDING_ROUTES", "unpadded"]

_ROWS = 16
_LENGTHS = 3
"""True lengths that are tried: each one is traced."""
_ADDED = (1, 3)
"""Steps of padding that are added to rows without any."""
_OTHER = {"right": "left", "left": "right"}
_MATTERS = 1e-4
"""Share of the greatest answer that padding has to move before a layer is looked for."""
_SPECK = 1e-20
"""What a step of zeros is moved by to be seen by a mask, and by hardly anything else."""

Masks = Mapping[str, "float | None"]
Answer = Callable[[Rows], dict[str, np.ndarray]]
_Parted = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
"""Answers to rows with padding, and to the same without."""


def unpadded(session: Session, rows: Rows) -> Result:
    """Rows with their padding cut off, against the same rows as given; rows without any, against the same with some added.

    One input after the other is looked at; the first that is padded or masked counts. Details say what was found, and why nothing was compared.
    """
    from keras_consistency_cli.loading.model.variable_length_copy import TwinRefused

    masks = series_inputs(session, rows)
    for name, mask in sorted(masks.items(), key=lambda item: item[1] is None):
        padded = _padding(session, rows[name], mask)
        if padded is None and mask is None:
            continue
        details = {
            **_described(rows[name], padded, mask),
            "input": name,
            **_emptied(session, rows, name, padded, mask),
        }
        try:
            feeding = any_length(session, rows, masks)
        except TwinRefused as reason:
            return _at_one_length(session, rows, padded, details, str(reason))
        try:
            if padded is not None and padded.any:
                return _cut(feeding, rows, name, padded, details, masks)
            return _extended(feeding, rows, name, _filler(session, rows, name, mask), details, mask)
        except Exception as problem:
            if feeding is session:
                raise
            # Only a twin was asked for other lengths: that the model takes one length is no fault.
            return _at_one_length(
                session,
                rows,
                padded,
                details,
                f"it takes one length only ({type(problem).__name__} at others)",
            )
    return Result(outputs={}, details={"declared": False})


def _at_one_length(
    session: Session, rows: Rows, padded: Padded | None, details: dict[str, Any], refused: str
) -> Result:
    """No rows of other lengths to compare with: whether a mask that gets lost matters shows at this one."""
    found: dict[str, Any] = {"refused": refused}
    if details["declared"] and padded is not None and padded.any and not details["other_value"]:
        few = np.flatnonzero((padded.lengths < padded.steps) & (padded.lengths > 0))[
            : session.facts.batch_size or _ROWS
        ]
        given = some(rows, np.resize(few, session.facts.batch_size or len(few)) if len(few) else few)
        found |= lost_mask_moves(lambda batch: _called(session, batch), given) if len(few) else {}
    return Result(outputs={}, details={**details, **found})


def _called(session: Session, rows: Rows) -> Outputs:
    session.restore()
    outputs: Outputs = session.call(rows, training=False)
    return outputs


def _padding(session: Session, values: np.ndarray, mask: float | None) -> Padded | None:
    """Lengths that the owner knows come first, then what is masked, then what many rows end in: padding that is not masked shows there."""
    side = session.options.padding_side
    known = session.subject.lengths(session.row_numbers)
    if known is not None and len(known) == len(values) and known.max() <= values.shape[1]:
        return padding_beyond(values, known, side=side, mask=mask)
    masked = look_for_padding(values, mask, side) if mask is not None else None
    if masked is not None and masked.any:
        return masked
    # A scaler moves what rows are filled up with: it is then looked for.
    scaled = session.subject.files.scales
    found = look_for_padding(values, None if scaled else session.options.padding_value, side)
    return found if found is not None and found.any else masked


def _described(values: np.ndarray, padded: Padded | None, mask: float | None) -> dict[str, Any]:
    found: dict[str, Any] = {"declared": mask is not None, "mask": mask}
    if padded is not None and padded.any:
        other = mask is None or padded.foreign > 0 or bool((padded.value != mask).any())
        found |= {
            "side": padded.side,
            "padded_rows": int((padded.lengths < padded.steps).sum()),
            "other_value": other,
        }
        found |= {
            "value": [float(each) for each in padded.value[:4]],
            "empty_rows": int((padded.lengths == 0).sum()),
            "rows": len(values),
        }
        found |= {"foreign_steps": padded.foreign, "inner_steps": 0 if other else padded.inner}
    return found


def _emptied(
    session: Session, rows: Rows, name: str, padded: Padded | None, mask: float | None
) -> dict[str, Any]:
    """Whether rows of nothing but padding are answered with NaN: those that there are, else one that is made where the model masks something."""
    empty = np.flatnonzero(padded.lengths == 0)[:_ROWS] if padded is not None else np.zeros(0, np.int64)
    if len(empty):
        return {"empty_answers_nan": _has_nan(_answering(session)(some(rows, empty)))}
    if mask is None:
        return {}
    made = {**first(rows, 1), name: np.full_like(rows[name][:1], mask)}
    return {"empty_would_be_nan": _has_nan(_answering(session)(made))}


def _has_nan(answers: Outputs) -> bool:
    return any(bool(np.isnan(values).any()) for values in answers.values() if values.dtype.kind == "f")


def _answering(session: Session) -> Answer:
    """Return a compiled way to answer rows, from the state in which the model was loaded, in batches of the size that it was built for."""
    call = session.tracing()

    def answer(rows: Rows) -> dict[str, np.ndarray]:
        total = count(rows)
        size = session.facts.batch_size or total
        found = []
        for start in range(0, total, size):
            session.restore()
            # A short batch is filled up with its own rows, whose answers are dropped.
            taken = some(rows, np.resize(np.arange(start, min(start + size, total)), size))
            found.append({name: values[: total - start] for name, values in call(taken).items()})
        return stack(found)

    return answer


def _cut(
    session: Session, rows: Rows, name: str, padded: Padded, details: dict[str, Any], masks: Masks
) -> Result:
    """Rows of a few true lengths cut to these, against the same rows whole, with their padding on the other side, and with no step skipped."""
    lengths = _several(padded)
    if not lengths:
        return Result(
            outputs={}, details={**details, "refused": "every row that is padded is nothing but padding"}
        )
    chosen = {length: np.flatnonzero(padded.lengths == length)[:_ROWS] for length in lengths}
    given = some(rows, np.concatenate(list(chosen.values())))
    moving = [each for each in masks if each == name or _ends_alike(rows[each], padded, masks[each])]
    answer = _answering(session)
    whole, turned, counted = _variants(
        answer,
        given,
        name,
        moving,
        np.repeat(lengths, [len(each) for each in chosen.values()]),
        padded,
        details,
    )
    parts, apart, start = [], 0.0, 0
    for length, places in chosen.items():
        own = slice(start, start + len(places))
        start = own.stop
        cut = answer(
            {
                each: _part(values[own], length, padded.side) if each in moving else values[own]
                for each, values in given.items()
            }
        )
        part, other = ({key: values[own] for key, values in answers.items()} for answers in (whole, turned))
        parts.append((part, _aligned(cut, part, length, padded.side, padded.steps)))
        apart = max(apart, furthest(_aligned(cut, other, length, _OTHER[padded.side], padded.steps), other))
    found = {
        "lengths": lengths,
        "other_side": apart,
        **({"inner_moves": furthest(counted, whole)} if counted else {}),
    }
    padding = first(given, len(chosen[lengths[0]]))
    shorter = {
        each: _part(values, lengths[0], padded.side) if each in moving else values
        for each, values in padding.items()
    }
    return _joined(
        parts,
        details | found | _unheeded(session, parts, details, (padding, shorter), (lengths[0], padded.side)),
    )


def _unheeded(
    session: Session,
    parts: list[_Parted],
    details: Mapping[str, Any],
    rows: tuple[Rows, Rows],
    true: tuple[int, str],
) -> dict[str, Any]:
    """The layer that is given the mask and does not use it, looked for where padding that is masked matters all the same."""
    moved = max(furthest(cut, whole) for whole, cut in parts)
    if not details["declared"] or details.get("other_value") or moved <= _MATTERS:
        return {}
    size = session.facts.batch_size
    padded, plain = (some(each, np.arange(size) % count(each)) if size else each for each in rows)
    found = unheeded(session, padded, plain, length=true[0], side=true[1])
    return {"unheeded": found} if found else {}


def _several(padded: Padded) -> list[int]:
    """The commonest true length, the shortest and the longest, below the whole."""
    lengths, counts = np.unique(
        padded.lengths[(padded.lengths > 0) & (padded.lengths < padded.steps)], return_counts=True
    )
    if not len(lengths):
        return []
    places = (int(np.argmax(counts)), 0, len(lengths) - 1)
    return sorted({int(lengths[place]) for place in places[:_LENGTHS]})


def _ends_alike(values: np.ndarray, padded: Padded, mask: float | None) -> bool:
    """Whether a second series is padded in the same steps, so that both are cut together."""
    if mask is None or values.shape[1] != padded.steps:
        return False
    place = np.arange(padded.steps)[:: 1 if padded.side == "right" else -1]
    beyond = place >= padded.lengths[:, None]
    return bool((values.reshape(len(values), padded.steps, -1)[beyond] == mask).all())


def _variants(
    answer: Answer,
    given: Rows,
    name: str,
    moving: list[str],
    lengths: np.ndarray,
    padded: Padded,
    details: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], ...]:
    """Answers to the rows as they are, with the padding on the other side, and with steps counted that look like it; all in one call."""
    shift = (padded.steps - lengths) * (1 if padded.side == "right" else -1)
    place = (np.arange(padded.steps)[None] - shift[:, None]) % padded.steps
    turned = {
        each: values[np.arange(len(values))[:, None], place] if each in moving else values
        for each, values in given.items()
    }
    several = [given, turned]
    if details.get("inner_steps") and given[name].dtype.kind == "f":
        several.append({**given, name: _seen(given[name], lengths, padded, float(details["mask"]))})
    found = answer({each: np.concatenate([rows[each] for rows in several]) for each in given})
    parts = [
        {key: values[at * len(lengths) : (at + 1) * len(lengths)] for key, values in found.items()}
        for at in range(len(several))
    ]
    return (*parts, *({} for _ in range(3 - len(parts))))


def _seen(values: np.ndarray, lengths: np.ndarray, padded: Padded, mask: float) -> np.ndarray:
    """The rows with the true steps that the mask would skip moved by next to nothing."""
    place = np.arange(padded.steps)[:: 1 if padded.side == "right" else -1]
    inside = place[None] < lengths[:, None]
    skipped = (values == mask).reshape(len(values), padded.steps, -1).all(axis=2) & inside
    moved = np.asarray(
        _SPECK if mask == 0 else np.nextafter(values.dtype.type(mask), values.dtype.type(np.inf)),
        values.dtype,
    )
    return np.where(skipped.reshape(*skipped.shape, *(1,) * (values.ndim - 2)), moved, values)


def _part(values: np.ndarray, length: int, side: str) -> np.ndarray:
    return values[:, :length] if side == "right" else values[:, -length:]


def _filler(session: Session, rows: Rows, name: str, mask: float | None) -> np.ndarray:
    """One step of padding, as the model would be given it: what the owner fills up with, scaled where there is a scaler, else what is masked."""
    stated = session.options.padding_value
    if stated is None:
        return np.full_like(rows[name][:1, :1], 0.0 if mask is None else mask)
    subject = session.subject
    scaling = subject.scaling
    if not subject.files.scales or (scaling is not None and scaling.input != name):
        return np.full_like(rows[name][:1, :1], stated)
    raw = subject.raw(session.row_numbers[:1])
    return np.asarray(
        subject.scaled({**raw, name: np.full_like(raw[name], stated)})[name][:, :1], rows[name].dtype
    )


def _extended(
    session: Session, rows: Rows, name: str, filler: np.ndarray, details: dict[str, Any], mask: float | None
) -> Result:
    """Rows that have no padding as they are, and with some added: on the side where it belongs, and on the other one."""
    side = session.options.padding_side or "right"
    given = first(rows, min(_ROWS, count(rows)))
    steps = given[name].shape[1]
    answer, parts, apart = _answering(session), [], 0.0
    plain = answer(given)
    for added in _ADDED:
        filling = np.broadcast_to(filler, (count(given), added, *filler.shape[2:]))
        longer = [
            np.concatenate([given[name], filling][:: 1 if each == "right" else -1], axis=1)
            for each in (side, _OTHER[side])
        ]
        both = answer(
            {
                each: np.concatenate(longer if each == name else [values, values])
                for each, values in given.items()
            }
        )
        mine, other = (
            {key: values[at] for key, values in both.items()}
            for at in (slice(0, count(given)), slice(count(given), None))
        )
        parts.append((mine, _aligned(plain, mine, steps, side, steps + added)))
        apart = max(apart, furthest(_aligned(plain, other, steps, _OTHER[side], steps + added), other))
    value = [float(each) for each in filler.ravel()[:4]]
    found = {"side": side, "added": list(_ADDED), "lengths": [steps], "other_side": apart, "value": value}
    # Per-step answers have another length for each number of steps added.
    kept = (
        parts
        if len({values.shape[1:] for part, _ in parts for values in part.values()}) <= len(parts[0][0])
        else parts[-1:]
    )
    details = {**details, **found, "other_value": mask is not None and bool((filler != mask).any())}
    longer_rows = {
        **given,
        name: np.concatenate([given[name], filling][:: 1 if side == "right" else -1], axis=1),
    }
    return _joined(
        kept, {**details, **_unheeded(session, parts, details, (longer_rows, given), (steps, side))}
    )


def _aligned(cut: Outputs, whole: Outputs, length: int, side: str, steps: int) -> dict[str, np.ndarray]:
    """The answers to cut rows in the shape of those to whole ones: where there is one for each step, padding keeps its own."""
    found = {}
    for name, values in cut.items():
        theirs = whole[name]
        if (
            values.shape == theirs.shape
            or values.ndim < 2
            or theirs.shape[1] != steps
            or values.shape[1] != length
        ):
            found[name] = values
            continue
        found[name] = theirs.copy()
        where = slice(0, length) if side == "right" else slice(steps - length, None)
        found[name][:, where] = values
    return found


def _joined(parts: list[_Parted], details: dict[str, Any]) -> Result:
    whole = {name: np.concatenate([part[0][name] for part in parts]) for name in parts[0][0]}
    cut = {name: np.concatenate([part[1][name] for part in parts]) for name in parts[0][1]}
    return Result(
        outputs=cut, baseline=whole, rows=np.arange(len(next(iter(whole.values())))), details=details
    )


PADDING_ROUTES: tuple[Route, ...] = (
    Route(
        name="unpadded",
        summary="rows without their padding, or with some added",
        run=unpadded,
        unavailable=no_time,
        placement="fresh",
    ),
)
