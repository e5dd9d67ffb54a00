"""Rows must have the shape that the model was trained on, axis by axis, and inputs must be in their own places.

Why: Keras takes many wrong shapes without a word. A Sequential model does not hold rows against the length it declares;
a missing last axis of one is added, so that one series of shape (20, 1) becomes 20 rows of one step; axes that are
equally long, or declared as None, can be swapped; and inputs of the same shape can change places. The answers look
like answers.

How: the shapes of the rows are held against the saved input spec, before anything runs. Where two axes could be
swapped unnoticed, it is looked at which of them is smooth, as time is, and which has levels of its own, as features
have, in these rows and in the reference rows; `facts: {time_axis: …}` settles it. Reference and served rows tell
whether inputs are in each other's place; they, the scaler or a Normalization layer tell it of single features. Ids are
held against the embedding that takes them, output rows are counted, and a TimeDistributed layer over a time axis of any
length is given two lengths through one predict.

To fix: the advice holds the line of NumPy that brings the rows into shape.

Sources: keras#15016, keras#20613, keras#23258, tensorflow#32799.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.analysis.sequence_layers import RECURRENT, SEQUENCE, has_layer
from keras_consistency_cli.checks.analysis.swapped_columns import displaced_features
from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.text import clean, shape_text

__all__ = ["CHECK"]

_SMOOTH, _ROUGH = 0.7, 0.3
"""Correlations of neighbours from which an axis looks like time, and below which it does not."""
_LEVELS, _LEVEL = 0.5, 0.1
"""Shares of the variance from which the places of an axis look like features, and below which they do not."""
_MATCH = 0.98


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """One thing that is wrong with the rows."""

    status: Status
    cause: str
    message: str
    fix: str


def examine(evidence: Evidence) -> Verdict:
    """FAIL for shapes and places that are wrong, WARN for those that look it; rows that were made fit by themselves."""
    if "mismatch" in evidence.data:
        refused = _refused(evidence.data["mismatch"])
        findings = {"cause": refused.cause, "all": [refused.message], "mend": refused.fix, "refused": True}
        return Verdict(status=refused.status, message=refused.message, findings=findings, advice=refused.fix)
    found = [
        *_shapes(evidence),
        *_orders(evidence),
        *_features(evidence),
        *_ids(evidence),
        *_lengths(evidence),
        *_counts(evidence),
    ]
    if found:
        return _verdict(max(found, key=lambda each: each.status is Status.FAIL), found, evidence)
    given: Mapping[str, Any] = evidence.data.get("rows_given", {})
    if not given:
        reason = (
            "the model does not say which shapes it takes"
            if not evidence.facts.inputs
            else "the rows were made to fit the model's inputs"
        )
        return Verdict(status=Status.SKIP, message="no shapes to check", reason=reason)
    told = ", ".join(
        f"{shape_text(each['shape'])} for {shape_text(each['expected'])}" for each in list(given.values())[:3]
    )
    return Verdict(status=Status.PASS, message=f"rows have the shapes that the model declares: {told}")


def _verdict(worst: _Finding, found: Sequence[_Finding], evidence: Evidence) -> Verdict:
    predict = evidence.traces.get("predict")
    refused = f"; Keras refuses: {predict.error}" if predict is not None and predict.error else ""
    counts = {"output_rows": dict(_miscounted(evidence))} if worst.cause == "outputs-not-per-sample" else {}
    findings = {"cause": worst.cause, "all": [each.message for each in found], "mend": worst.fix, **counts}
    return Verdict(status=worst.status, message=worst.message + refused, findings=findings, advice=worst.fix)


def _refused(mismatch: Mapping[str, Any]) -> _Finding:
    """Rows that do not get as far as an answer."""
    message = (
        f"{_named(mismatch['input'], mismatch)}: the model refuses them, Keras raises 'incompatible' or a "
        "shape error"
    )
    return _Finding(
        status=Status.FAIL,
        cause=_kind_of_mismatch(mismatch),
        message=message,
        fix=_as_code(mismatch["mend"]) or _resized(mismatch["expected"]),
    )


def _as_code(fix: str | None) -> str | None:
    return f"x = {fix}" if fix and fix.startswith("x") else fix


def _kind_of_mismatch(mismatch: Mapping[str, Any]) -> str:
    shape, expected = mismatch["shape"], mismatch["expected"]
    if len(shape) != len(expected):
        return "wrong-rank"
    if (mismatch["mend"] or "").startswith("x.transpose"):
        return "axes-swapped"
    return "wrong-features" if expected[-1] not in (None, shape[-1]) else "wrong-length"


def _shapes(evidence: Evidence) -> Iterator[_Finding]:
    for name, given in evidence.data.get("rows_given", {}).items():
        found = (
            _rank(name, given)
            or _length(name, given)
            or _axes(name, given, evidence)
            or _channels(name, given)
        )
        found = found or _one_step(name, given, evidence)
        if found:
            yield found


def _named(name: str, given: Mapping[str, Any]) -> str:
    return (
        f"rows of shape {shape_text(given['shape'])} for input '{clean(name, 60)}', which takes "
        f"{shape_text((None, *given['expected'][1:]))}"
    )


def _rank(name: str, given: Mapping[str, Any]) -> _Finding | None:
    shape, expected = given["shape"], given["expected"]
    # A plain column is what a table gives; of one axis there is nothing that Keras could mistake.
    if len(shape) == len(expected) or (len(shape) == 1 and list(expected[1:]) in ([1], [None])):
        return None
    if len(shape) == 2 and len(expected) == 3 and shape[-1] == 1:
        lost = (
            f"{_named(name, given)}: Keras takes one series without its batch axis for {shape[0]} rows of "
            f"one step, and answers {shape[0]} times"
        )
        return _Finding(
            status=Status.FAIL, cause="wrong-rank", message=lost, fix="give the batch axis: x = x[None]"
        )
    if 1 < len(shape) == len(expected) - 1 and expected[1] not in (None, shape[1]):
        short = (
            f"{_named(name, given)}: Keras adds a last axis and takes {shape[1]} steps instead of "
            f"{expected[1]}, without a word"
        )
        return _Finding(status=Status.FAIL, cause="wrong-length", message=short, fix=_resized(expected))
    grown = len(shape) < len(expected)
    word, code = (
        ("adds the missing last axis", "x = x[..., None]")
        if grown
        else ("drops the last axis of one", "x = x[..., 0]")
    )
    return _Finding(
        status=Status.WARN,
        cause="wrong-rank",
        message=f"{_named(name, given)}: Keras {word} without a word",
        fix=code,
    )


def _length(name: str, given: Mapping[str, Any]) -> _Finding | None:
    shape, expected = given["shape"], given["expected"]
    wrong = [axis for axis in range(1, len(shape)) if expected[axis] not in (None, shape[axis])]
    if not wrong:
        return None
    axis = wrong[0]
    if len(wrong) == 2 and [shape[each] for each in wrong] == [expected[each] for each in reversed(wrong)]:
        order = list(range(len(shape)))
        order[wrong[0]], order[wrong[1]] = order[wrong[1]], order[wrong[0]]
        message = (
            f"{_named(name, given)}: axes {wrong[0]} and {wrong[1]} are swapped, and a Sequential model "
            "answers all the same"
        )
        return _Finding(
            status=Status.FAIL,
            cause="axes-swapped",
            message=message,
            fix=f"x = x.transpose({', '.join(map(str, order))})",
        )
    what = "a single step" if shape[axis] == 1 and axis == 1 else f"axis {axis} is {shape[axis]} long"
    message = (
        f"{_named(name, given)}: {what} instead of {expected[axis]}; Keras answers without a word, for a "
        "Sequential model is not held to its "
        f"length, where a Functional one raises 'expected shape={shape_text((None, *expected[1:]))}, found "
        f"shape={shape_text(shape)}'"
    )
    return _Finding(status=Status.FAIL, cause="wrong-length", message=message, fix=_resized(expected))


def _resized(expected: Sequence[int | None]) -> str:
    return (
        f"give series of {expected[1]} steps: cut them with x[:, -{expected[1]}:], or pad them as in training"
    )


def _axes(name: str, given: Mapping[str, Any], evidence: Evidence) -> _Finding | None:
    stated = evidence.data.get("time_axis")
    rank = len(given["shape"])
    if (
        stated is not None
        and 1 < stated < rank
        and has_layer(evidence.facts, SEQUENCE)
        and not has_layer(evidence.facts, {"Permute"})
    ):
        order = [0, stated, *(axis for axis in range(1, rank) if axis != stated)]
        message = (
            f"{_named(name, given)}: time is on axis {stated} (facts.time_axis), the model goes along axis 1"
        )
        return _Finding(
            status=Status.FAIL,
            cause="axes-swapped",
            message=message,
            fix=f"x = x.transpose({', '.join(map(str, order))})",
        )
    looks = given.get("looks")
    if not looks or stated is not None:
        return None
    reference = evidence.data.get("reference_looks", {}).get(name)
    why = _unlike_reference(given, looks, reference) if reference else None
    if why is None and has_layer(evidence.facts, SEQUENCE):
        why = _unlike_time(looks)
    if why is None:
        return None
    status, reason = why
    message = (
        f"{_named(name, given)}: time and features look swapped, {reason}; both orders fit, so Keras "
        "answers either"
    )
    return _Finding(
        status=status,
        cause="axes-swapped",
        message=message,
        fix="x = x.transpose(0, 2, 1); or say facts: {time_axis: 1}",
    )


def _channels(name: str, given: Mapping[str, Any]) -> _Finding | None:
    """Pictures and films whose channels come first, where the model would take either order."""
    smooth = given.get("smooth")
    if not smooth or smooth[-1] < _SMOOTH or smooth[0] > _ROUGH or min(smooth[1:]) < _SMOOTH:
        return None
    likely = (
        f"neighbours along the last axis are alike ({smooth[-1]:.2f}), as in a picture, and along axis 1 "
        f"are not ({smooth[0]:.2f}), as channels"
    )
    message = (
        f"{_named(name, given)}: channels look to come first, for {likely}; both orders fit, so Keras "
        "answers either"
    )
    order = [0, *range(2, len(given["shape"])), 1]
    return _Finding(
        status=Status.WARN,
        cause="axes-swapped",
        message=message,
        fix=f"x = x.transpose({', '.join(map(str, order))})",
    )


def _unlike_reference(
    given: Mapping[str, Any], looks: Mapping[str, Any], reference: Mapping[str, Any]
) -> tuple[Status, str] | None:
    """Whether the reference rows have on axis 2 what these rows have on axis 1."""
    mine, theirs = given["shape"][1:], reference["shape"][1:]
    if mine != theirs and mine[0] == theirs[1] and mine[1] != theirs[1]:
        return Status.FAIL, f"for the reference rows are {shape_text(reference['shape'])}"
    if mine != theirs:
        return None
    features = reference["centres"][1]
    likeness = (_correlation(looks["centres"][0], features), _correlation(looks["centres"][1], features))
    if reference["levels"][1] > _LEVEL and likeness[0] > _MATCH and likeness[1] < 0.5:
        return Status.FAIL, "for axis 1 has the levels that axis 2 has in the reference rows"
    smooth = reference["smooth"]
    if (
        smooth[0] > _SMOOTH > _ROUGH > smooth[1]
        and looks["smooth"][1] > _SMOOTH > _ROUGH > looks["smooth"][0]
    ):
        return Status.FAIL, "for the reference rows are smooth along axis 1 and these along axis 2"
    return None


def _unlike_time(looks: Mapping[str, Any]) -> tuple[Status, str] | None:
    smooth, levels = looks["smooth"], looks["levels"]
    if smooth[1] > _SMOOTH and smooth[0] < _ROUGH:
        return (
            Status.WARN,
            (
                f"for neighbours along axis 2 are alike ({smooth[1]:.2f}) and along axis 1 are not "
                f"({smooth[0]:.2f})"
            ),
        )
    if levels[0] > _LEVELS and levels[1] < _LEVEL and smooth[0] < _ROUGH:
        return (
            Status.WARN,
            f"for {levels[0]:.0%} of the variance lies between the places of axis 1, as between features",
        )
    return None


def _correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Pearson's correlation; 0 where one of them does not vary."""
    if len(a) != len(b) or len(a) < 2:
        return 0.0
    centre = sum(a) / len(a), sum(b) / len(b)
    left, right = [each - centre[0] for each in a], [each - centre[1] for each in b]
    scale = (sum(each * each for each in left) * sum(each * each for each in right)) ** 0.5
    return sum(x * y for x, y in zip(left, right, strict=True)) / scale if scale else 0.0


def _one_step(name: str, given: Mapping[str, Any], evidence: Evidence) -> _Finding | None:
    shape, expected = given["shape"], given["expected"]
    steps_kept = evidence.facts.stateful_layers or evidence.data.get("step_by_step") == "one-step"
    if (
        len(shape) != 3
        or shape[1] != 1
        or expected[1] is not None
        or steps_kept
        or not has_layer(evidence.facts, RECURRENT)
    ):
        return None
    message = (
        f"{_named(name, given)}: every row is a single step, of which a recurrent layer has no history to "
        "look at"
    )
    fix = (
        "one series of many steps is x.reshape(1, -1, x.shape[-1]); windows are "
        "np.lib.stride_tricks.sliding_window_view(x[:, 0], T, axis=0)"
    )
    return _Finding(status=Status.WARN, cause="wrong-length", message=message, fix=fix)


def _orders(evidence: Evidence) -> Iterator[_Finding]:
    words = {
        "served": "serving feeds the rows of",
        "reference": "the rows have the levels of other inputs than in the reference rows:",
    }
    for source, order in evidence.data.get("orders", {}).items():
        told = ", ".join(f"'{clean(other, 40)}' as '{clean(name, 40)}'" for name, other in order.items())
        keys = ", ".join(f"'{clean(name, 40)}': ..." for name in evidence.data.get("rows_given", order))
        message = f"{words[source]} {told}; the shapes are the same, so Keras answers without a word"
        yield _Finding(
            status=Status.FAIL,
            cause="input-order",
            message=message,
            fix=f"feed by name: model.predict({{{keys}}})",
        )


def _features(evidence: Evidence) -> Iterator[_Finding]:
    known = evidence.data.get("description")
    for found in displaced_features(known) if known is not None else ():
        told = ", ".join(
            f"'{clean(found.names[here], 40)}' holds '{clean(found.names[there], 40)}'"
            for here, there in found.places.items()
        )
        where = f"features of input '{clean(found.input, 60)}' are in each other's place"
        message = (
            f"{where}: by the statistics of {clean(found.against, 60)}, {told}; the shape is the same, so "
            "Keras answers without a word"
        )
        yield _Finding(status=Status.FAIL, cause="feature-order", message=message, fix=found.fix)


def _ids(evidence: Evidence) -> Iterator[_Finding]:
    for name, found in evidence.details("ids").items():
        if name == "output_rows" or not found.get("wrong"):
            continue
        message = (
            f"{found['wrong']} values of input '{clean(name, 60)}' are {found['kind']}, which "
            f"'{found['why']}' does not know; {found['keras']}"
        )
        yield _Finding(
            status=Status.FAIL,
            cause="wrong-ids",
            message=message,
            fix="give whole ids from 0 to the size of the embedding less one",
        )


def _lengths(evidence: Evidence) -> Iterator[_Finding]:
    found = evidence.details("two-lengths").get("wrong")
    if found:
        lengths_vary = evidence.data.get("variable_length") or evidence.data.get("step_by_step")
        told = (
            f"after rows of {found['first']} steps, predict answers rows of {found['then']} steps "
            f"{found['how']}"
        )
        message = f"{told}: TimeDistributed over a free time axis"
        fix = (
            "apply the layer itself instead of TimeDistributed(layer), or set model.predict_function = None "
            "before rows of another length"
        )
        yield _Finding(
            status=Status.FAIL if lengths_vary else Status.WARN,
            cause="time-distributed-dynamic",
            message=message,
            fix=fix,
        )


def _miscounted(evidence: Evidence) -> Iterator[tuple[str, int]]:
    rows = evidence.details("predict").get("output_rows", {}) if not evidence.facts.batch_size else {}
    yield from ((output, count) for output, count in rows.items() if count != evidence.rows)


def _counts(evidence: Evidence) -> Iterator[_Finding]:
    for output, count in _miscounted(evidence):
        message = f"{evidence.rows} input rows give {count} output rows (output '{clean(output, 60)}')"
        fix = "keep the batch axis first in every output: reduce over axis=1 or later, reshape((-1, …))"
        yield _Finding(status=Status.FAIL, cause="outputs-not-per-sample", message=message, fix=fix)


CHECK = Check(
    code="KC501",
    name="input-shape",
    title="rows have the model's shape, axes in place, inputs in their order",
    explanation=__doc__,
    routes=("ids", "two-lengths"),
    examine=examine,
)
