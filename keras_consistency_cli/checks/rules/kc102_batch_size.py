"""The batch size must not change the outputs, and each input row must get one output row.

Why: training, validation and serving rarely use the same batch size, and the last batch is nearly always
shorter. Batch statistics, attention over the batch, reshapes that merge the batch axis with another axis and
reductions that remove it all show here. A stateful recurrent model returns 12 output rows for 9 input rows at
batch size 4, without any error (keras#21183).

How: the compiled predict step runs at the sizes of `checks: {batch-size: {sizes: …}}` and with all rows in
one batch, and a literal predict runs with a single row in its last batch. Each is compared with predict at
the batch size in use, in float32 and on the float64 copy. Output rows are counted and compared with the
number of input rows. A short last batch is left out if a stateful model gets whole batches of rows that
continue each other, as `facts: {stateful_rows: …}` declares.

To fix: reduce and normalize over feature axes only; keep axis 0 in every reshape (`reshape((-1, …))`); drop
or pad the last batch of a stateful model.

Sources: tensorflow#39663, tensorflow#63282, keras#21183.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import (
    fail_if_row_axis_is_lost,
    find_error,
    skip_pass_of_single_row,
)
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.calling.prediction import ShortTailDetails
from keras_consistency_cli.routes.session.batches import AXIS_LOST, SHAPE_VARIES
from keras_consistency_cli.routes.trace import (
    BATCH_SIZES,
    REFERENCE,
    SINGLE_ROWS,
    Trace,
    is_batch_size,
    is_float64,
)

__all__ = ["CHECK", "batch_pairs"]

_SHAPE_MISMATCH = "InvalidArgumentError"
"""TensorFlow raises it if operands do not fit each other; other errors may have any reason."""
_MISMATCH_OF_ONE_ROW = (_SHAPE_MISMATCH, "ValueError")
"""The second is raised while predict is traced for one row, where TensorFlow knows the size already."""
_TAIL = Pair(candidate="short-tail", reference=REFERENCE)
_WORDING = Wording(
    agree="every batch size gives the same outputs",
    differ="outputs depend on the batch size",
    advice=(
        "look for a reduction, softmax or reshape over axis 0; "
        "run --select KC103 to see whether neighbours influence a row"
    ),
)


def batch_pairs(sizes: tuple[int, ...]) -> tuple[Pair, ...]:
    """Return the pairs for these batch sizes, all rows in one batch, and a short last batch."""
    return (*(Pair(candidate=f"batch-{size}", reference=REFERENCE) for size in (*sizes, "all")), _TAIL)


def examine(evidence: Evidence) -> Verdict:
    """Count output rows, then compare every batch size with predict.

    Sizes that crash come first: a model with a fixed size in its code may also broadcast a single row to it.
    """
    failure = (
        _refused_sizes(evidence)
        or _wrong_row_count(evidence)
        or fail_if_row_axis_is_lost(evidence)
        or _varying_shape(evidence)
    )
    if failure is not None:
        return failure
    pairs = (*(Pair(candidate=name, reference=REFERENCE) for name in _batch_traces(evidence)), _TAIL)
    if _has_whole_batches_only(evidence):
        return skip_pass_of_single_row(agreement(evidence, pairs[:-1], _WORDING), evidence)
    tail = evidence.traces.get("short-tail")
    if tail is not None and tail.error and evidence.facts.batch_size:
        # A model built for one batch size may refuse others: only silently wrong outputs are a fault.
        verdict = agreement(evidence, pairs[:-1], _WORDING)
        return replace(verdict, reason=f"a short last batch is refused: {tail.error}")
    return skip_pass_of_single_row(agreement(evidence, pairs, _WORDING), evidence)


def _has_whole_batches_only(evidence: Evidence) -> bool:
    """Whether the rows are whole batches of a stateful model, which continue each other as declared."""
    size, given = evidence.facts.batch_size, evidence.data.rows_given.values()
    is_declared = evidence.data.owner.stateful_rows != "independent" and bool(evidence.facts.stateful_layers)
    if not is_declared or size is None or not given:
        return False
    return all(rows.shape[0] % size == 0 for rows in given)


def _batch_traces(evidence: Evidence) -> dict[str, Trace]:
    return {name: trace for name, trace in evidence.traces.items() if is_batch_size(name)}


def _varying_shape(evidence: Evidence) -> Verdict | None:
    """A FAIL if the shape of an output row depends on the batch size."""
    message = find_error(evidence, SHAPE_VARIES)
    if message is None:
        return None
    return Verdict.fail(message, findings={"shape_varies": True}, advice=_WORDING.advice)


def _refused_sizes(evidence: Evidence) -> Verdict | None:
    """A FAIL if operations of the model fail on some sizes, although it declares none."""
    traces = _batch_traces(evidence)
    single = [evidence.traces[name] for name in SINGLE_ROWS if name in evidence.traces]
    if single:
        traces["batch-1"] = max(single, key=lambda trace: bool(trace.error))
    refused = {name: trace.error for name, trace in traces.items() if _is_refusal(trace)}
    accepted = [name for name, trace in traces.items() if trace.ran]
    is_declared = evidence.facts.batch_size is not None
    if not refused or not accepted or is_declared or _may_be_certain_rows(evidence):
        return None
    error = next(iter(refused.values()))
    message = f"batches of {_sizes(refused)} rows crash; batches of {_sizes(accepted)} rows do not: {error}"
    advice = (
        "look for a batch size written into a custom layer: tile, reshape or zeros with a fixed number "
        "in place of the batch size"
    )
    return Verdict.fail(message, advice=advice, findings={"refused": sorted(refused, key=_size_order)})


def _may_be_certain_rows(evidence: Evidence) -> bool:
    """Whether rows that the model refuses in a batch of any size explain the crashes.

    No route then runs all rows, and three single rows (`single-predict`) run although others crash.
    """
    traces = {REFERENCE: evidence.traces.get(REFERENCE), **_batch_traces(evidence)}
    if any(trace is not None and trace.ran and trace.rows is None for trace in traces.values()):
        return False
    single, all_single = (evidence.traces.get(name) for name in ("single-predict", "one-by-one"))
    return bool(single and single.ran and all_single and all_single.error)


def _is_refusal(trace: Trace) -> bool:
    """Whether an operation of the model failed on this size; other errors are about the outputs."""
    error = trace.error or ""
    if any(found in error for found in (AXIS_LOST, SHAPE_VARIES)):
        return False
    return error.startswith(_MISMATCH_OF_ONE_ROW if trace.route in SINGLE_ROWS else _SHAPE_MISMATCH)


def _sizes(names: Iterable[str]) -> str:
    return ", ".join(sorted({name.removeprefix("batch-") for name in names}, key=_size_order))


def _size_order(name: str) -> tuple[bool, int]:
    size = name.removeprefix("batch-")
    return not size.isdigit(), int(size) if size.isdigit() else 0


def _wrong_row_count(evidence: Evidence) -> Verdict | None:
    """A FAIL if a route returns more or fewer rows than it was given."""
    for name, trace in evidence.traces.items():
        is_predict = name.startswith(("predict", "short-tail")) and not is_float64(name)
        all_rows = evidence.rows if name == REFERENCE else None
        given = trace.details_as(ShortTailDetails).get("given", all_rows)
        is_left_out = name == "short-tail" and _has_whole_batches_only(evidence)
        if not (is_predict or is_batch_size(name)) or is_left_out or not trace.ran or given is None:
            continue
        wrong = {output: rows for output, rows in trace.output_rows.items() if rows != given}
        if wrong:
            output, rows = next(iter(wrong.items()))
            message = f"{given} input rows give {rows} output rows (output '{output}', {name})"
            advice = (
                "keep the batch axis in every output: reduce over axis=1 or later, reshape with -1 first; "
                "drop a short last batch"
            )
            return Verdict.fail(message, advice=advice, findings={"given": given, "output_rows": wrong})
    return None


CHECK = Check(
    code="KC102",
    name="batch-size",
    title="batch sizes and a short last batch agree, one output row per input row",
    explanation=__doc__,
    pairs=batch_pairs(BATCH_SIZES),
    pairs_for=lambda settings: batch_pairs(settings.batch_sizes()),
    examine=examine,
    is_slow=True,
)
