"""Rows must have the shape that the model was trained on, and each input its own rows.

Why: Keras accepts many wrong shapes without any error. A Sequential model does not check the length that it
declares; a missing last axis of size 1 is added, so that one series of shape (20, 1) becomes 20 rows of one
time step; axes of equal length, or declared as None, can be swapped; and inputs of the same shape can be
mixed up. The outputs look plausible.

How: the shapes of the rows are compared with the saved input spec before anything runs. If two axes could be
swapped without an error, it is measured which of them is smooth, as time is, and which has levels of its own,
as features have, in these rows and in the reference rows; `facts: {time_axis: …}` decides it. The mean of
images is compared with that of the reference rows, as it is and with two axes exchanged. Reference and served
rows show whether inputs are mixed up; reference rows, the scaler or a Normalization layer show whether single
features are. The ids that reach each table are recorded while the model runs, and compared with the size of
the table and with the ids in the rows, those of a one-hot encoding with the number of its entries; words and
categories are compared with the vocabularies of the model, also in a different spelling; output rows are
counted, and a TimeDistributed layer over a time axis of any length gets two lengths through one predict.

To fix: the advice holds the line of NumPy that brings the rows into shape.

Sources: keras#15016, keras#20613, keras#23258, tensorflow#32799.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keras_consistency_cli.checks.analysis.column_order import write_names
from keras_consistency_cli.checks.analysis.ids.id_problems import find_id_problems, find_word_problems
from keras_consistency_cli.checks.analysis.ids.lost_ids import find_lost_ids
from keras_consistency_cli.checks.analysis.shape_problems import (
    InputProblem,
    describe_refusal,
    find_shape_problem,
)
from keras_consistency_cli.checks.analysis.swapped_columns import swapped_features
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.calling.ids.one_hot_ids import ONE_HOT_IDS
from keras_consistency_cli.routes.sequences.shapes import LengthDetails
from keras_consistency_cli.text import clean, shape_text

__all__ = ["CHECK"]

_FEATURE_ORDER = "feature-order"
_NOT_PER_SAMPLE = "outputs-not-per-sample"
_SHOWN_INPUTS = 3
_ORDER_WORDS = {
    "served": "serving feeds the rows of '{other}' as '{name}'",
    "reference": "the rows of '{other}' look like the reference rows of '{name}'",
    "surplus": "predict feeds the array '{other}' as '{name}', because it takes surplus keys in sorted order",
    "keys": "the key '{name}' feeds the Input named '{other}'",
}
"""By evidence, how two inputs are in each other's place."""
_ORDER_REMARKS = {
    **dict.fromkeys(("served", "reference"), "shapes are equal, so Keras raises no error"),
    "surplus": "Keras only warns",
    "keys": "Keras only warns, when the model is built",
}
_ORDER_FIXES = {
    "surplus": "feed exactly the inputs of the model: model.predict({{{inputs}}})",
    "keys": "give each Input the name of its key, keras.Input(shape, name=key), and build the model again",
}


def examine(evidence: Evidence) -> Verdict:
    """FAIL for wrong shapes and places, WARN for those that only look wrong."""
    if evidence.data.refused is not None:
        problem = describe_refusal(evidence.data.refused)
        findings = {"all": [problem.message], "mend": problem.fix, "refused": True}
        return Verdict.fail(problem.message, cause=problem.cause, findings=findings, advice=problem.fix)
    problems = [
        *_shape_problems(evidence),
        *_input_order_problems(evidence),
        *_named_order_problems(evidence),
        *_feature_order_problems(evidence),
        *find_id_problems(evidence),
        *find_lost_ids(evidence),
        *find_word_problems(evidence),
        *_length_problems(evidence),
        *_row_count_problems(evidence),
    ]
    if problems:
        worst = max(problems, key=lambda problem: problem.status is Status.FAIL)
        return _report(worst, problems, evidence)
    given = evidence.data.rows_given
    if not given:
        declared = bool(evidence.facts.inputs)
        return Verdict.skip(
            "generated rows fit the model's inputs"
            if declared
            else "the model does not declare its input shapes"
        )
    shapes = ", ".join(
        f"{shape_text(rows.shape)} for {shape_text(rows.expected)}"
        for rows in list(given.values())[:_SHOWN_INPUTS]
    )
    return Verdict.ok(f"rows have the declared shapes; {shapes}")


def _report(worst: InputProblem, problems: Sequence[InputProblem], evidence: Evidence) -> Verdict:
    predict = evidence.traces.get("predict")
    crashed = f"; Keras raises {predict.error}" if predict is not None and predict.error else ""
    counts = {"output_rows": dict(_wrong_row_counts(evidence))} if worst.cause == _NOT_PER_SAMPLE else {}
    places = {"layer": worst.layer, "tried": worst.confirmed} if worst.layer else {}
    if worst.cause == _FEATURE_ORDER and evidence.data.description.other_order:
        places["names"] = True
    verdict = Verdict.fail if worst.status is Status.FAIL else Verdict.warn
    return verdict(
        worst.message + crashed,
        cause=worst.cause,
        findings={"all": [problem.message for problem in problems], "mend": worst.fix, **counts, **places},
        advice=worst.fix,
    )


def _shape_problems(evidence: Evidence) -> Iterator[InputProblem]:
    for name, given in evidence.data.rows_given.items():
        problem = find_shape_problem(name, given, evidence)
        if problem is not None:
            yield problem


def _input_order_problems(evidence: Evidence) -> Iterator[InputProblem]:
    """Inputs whose rows are in each other's place, by served and reference rows, names or surplus arrays."""
    for source, order in evidence.data.input_orders.items():
        listed = ", ".join(
            _ORDER_WORDS[source].format(name=clean(name, 40), other=clean(other, 40))
            for name, other in order.items()
        )
        inputs = ", ".join(f"'{clean(name, 40)}': ..." for name in evidence.data.rows_given or order)
        fix = _ORDER_FIXES.get(source, "feed by name: model.predict({{{inputs}}})").format(inputs=inputs)
        yield InputProblem(
            status=Status.FAIL,
            cause="input-order",
            message=f"inputs are in each other's place; {listed}; {_ORDER_REMARKS[source]}",
            fix=fix,
        )


def _named_order_problems(evidence: Evidence) -> Iterator[InputProblem]:
    """Columns with the names of the reference rows in another order: a model identifies them by position."""
    names = evidence.data.description.other_order
    if names is None:
        return
    here, there = names
    moved = [place for place, name in enumerate(here) if name != there[place]]
    message = (
        f"{len(moved)} of {len(here)} columns are not in the order of the reference rows; column {moved[0]} "
        f"is '{here[moved[0]]}', the reference rows have '{there[moved[0]]}' there; the shape is the same, "
        "so Keras raises no error"
    )
    yield InputProblem(status=Status.FAIL, cause=_FEATURE_ORDER, message=message, fix=write_names(there))


def _feature_order_problems(evidence: Evidence) -> Iterator[InputProblem]:
    for swapped in swapped_features(evidence.data.description):
        message = (
            f"features of input '{clean(swapped.input, 60)}' are in each other's place; "
            f"by the statistics of {clean(swapped.against, 60)}, {', '.join(swapped.describe())}; "
            "the shape is the same, so Keras raises no error"
        )
        yield InputProblem(status=Status.FAIL, cause=_FEATURE_ORDER, message=message, fix=swapped.fix)


def _length_problems(evidence: Evidence) -> Iterator[InputProblem]:
    """A TimeDistributed layer with wrong outputs for a second length; FAIL if lengths vary."""
    wrong = evidence.details("two-lengths", LengthDetails).get("wrong")
    if not wrong:
        return
    lengths_vary = evidence.data.owner.variable_length or evidence.data.owner.step_by_step
    message = (
        f"TimeDistributed does not work if lengths vary; after rows of {wrong['first']} time steps, "
        f"predict {wrong['how']} for rows of {wrong['then']} time steps"
    )
    fix = (
        "apply the layer itself instead of TimeDistributed(layer), "
        "or set model.predict_function = None before rows of a different length"
    )
    yield InputProblem(
        status=Status.FAIL if lengths_vary else Status.WARN,
        cause="time-distributed-dynamic",
        message=message,
        fix=fix,
    )


def _row_count_problems(evidence: Evidence) -> Iterator[InputProblem]:
    for output, count in _wrong_row_counts(evidence):
        message = f"{evidence.rows} input rows give {count} output rows (output '{clean(output, 60)}')"
        fix = "keep the batch axis first in every output: reduce over axis=1 or later, reshape((-1, …))"
        yield InputProblem(status=Status.FAIL, cause=_NOT_PER_SAMPLE, message=message, fix=fix)


def _wrong_row_counts(evidence: Evidence) -> Iterator[tuple[str, int]]:
    if not evidence.facts.batch_size:
        rows = evidence.output_rows("predict")
        yield from ((output, count) for output, count in rows.items() if count != evidence.rows)


CHECK = Check(
    code="KC501",
    name="input-shape",
    title="rows have the model's shape, axes and inputs are in their places",
    explanation=__doc__,
    routes=("ids", ONE_HOT_IDS, "words", "two-lengths"),
    examine=examine,
    accepts_refused_rows=True,
)
