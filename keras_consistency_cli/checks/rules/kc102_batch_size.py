"""The batch size must not change the answers, and every input row must get exactly one output row.

Why: training, validation and serving rarely use the same batch size, and the last batch is nearly always short. Batch
statistics, attention over the batch, reshapes that mix the batch axis into others and reductions that drop it all
show here. A stateful recurrent model answers 9 rows at batch size 4 with 12 outputs, without a word (keras#21183).

How: the compiled predict step at the sizes of `checks: {batch-size: {sizes: …}}`, with all rows in one batch, and a
literal predict whose last batch holds a single row, each against predict at the batch size in use, in float32 and on
the float64 copy. Output rows are counted against input rows.

To fix: reduce and normalise over feature axes only; keep axis 0 through every reshape (`reshape((-1, …))`); drop or
pad the last batch of a stateful model.

Sources: tensorflow#39663, tensorflow#63282, keras#21183.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement, axis_lost, with_others
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.routes.registry import BATCH_SIZES
from keras_consistency_cli.routes.session.batches import SHAPE_VARIES

__all__ = ["CHECK", "batch_pairs"]

_SHAPE_MISMATCH = "InvalidArgumentError"
"""What TensorFlow raises where operands do not fit each other; other errors may come from anywhere."""
_TAIL = Pair(candidate="short-tail", reference="predict")
_WORDING = Wording(
    agree="every batch size gives the same answers",
    differ="answers depend on the batch size,",
    advice=(
        "look for a reduction, softmax or reshape over axis 0; run --select KC103 to see whether neighbours "
        "are mixed in"
    ),
)


def batch_pairs(sizes: tuple[int, ...]) -> tuple[Pair, ...]:
    """Return the pairs for these batch sizes, all rows at once, and a short tail."""
    return (*(Pair(candidate=f"batch-{size}", reference="predict") for size in (*sizes, "all")), _TAIL)


def examine(evidence: Evidence) -> Verdict:
    """Count output rows, then judge every batch size against predict."""
    miscounted = _miscounted(evidence) or axis_lost(evidence) or _refused(evidence)
    if miscounted:
        return miscounted
    varying = next(
        (trace for trace in evidence.traces.values() if trace.error and SHAPE_VARIES in trace.error), None
    )
    if varying is not None and varying.error is not None:
        message = varying.error[varying.error.index(SHAPE_VARIES) :]
        return Verdict(
            status=Status.FAIL, message=message, findings={"shape_varies": True}, advice=_WORDING.advice
        )
    sizes = [name for name in evidence.traces if name.startswith("batch-") and not name.endswith("-float64")]
    wanted = (*(Pair(candidate=name, reference="predict") for name in sizes), _TAIL)
    tail = evidence.traces.get("short-tail")
    if tail is not None and tail.error and evidence.facts.batch_size:
        # A model built for one batch size that refuses another says so itself; only a silent answer is a fault.
        verdict = agreement(evidence, wanted[:-1], _WORDING)
        return replace(verdict, reason=f"a short last batch is refused: {tail.error}")
    return with_others(agreement(evidence, wanted, _WORDING), evidence)


def _refused(evidence: Evidence) -> Verdict | None:
    """A FAIL where some sizes are answered and the model's own operations refuse others, although it declares none."""
    tried = {
        name: trace
        for name, trace in evidence.traces.items()
        if name.startswith("batch-") and not name.endswith("-float64")
    }
    single = evidence.traces.get("one-by-one")
    tried |= {"batch-1": single} if single is not None else {}
    refused = {
        name: trace.error
        for name, trace in tried.items()
        if trace.error and trace.error.startswith(_SHAPE_MISMATCH)
    }
    answered = [name for name, trace in tried.items() if trace.ran]
    if not refused or not answered or evidence.facts.batch_size is not None:
        return None
    sizes, others = (
        ", ".join(sorted({name.removeprefix("batch-") for name in names}, key=_numbered))
        for names in (answered, refused)
    )
    message = (
        f"batches of {sizes} rows are answered, batches of {others} are refused: "
        f"{next(iter(refused.values()))}"
    )
    advice = (
        "look for a batch size that is written into a custom layer: tile, reshape or zeros with a number "
        "where the batch belongs"
    )
    return Verdict(
        status=Status.FAIL,
        message=message,
        advice=advice,
        findings={"refused": sorted(refused, key=_numbered)},
    )


def _numbered(size: str) -> tuple[bool, int]:
    number = size.removeprefix("batch-")
    return not number.isdigit(), int(number) if number.isdigit() else 0


def _miscounted(evidence: Evidence) -> Verdict | None:
    for name, trace in evidence.traces.items():
        if (
            not name.startswith(("predict", "batch-", "short-tail"))
            or name.endswith("-float64")
            or not trace.ran
        ):
            continue
        given = trace.details.get("given", evidence.rows if name == "predict" else None)
        odd = {
            output: rows
            for output, rows in trace.details.get("output_rows", {}).items()
            if given is not None and rows != given
        }
        if odd:
            output, rows = next(iter(odd.items()))
            message = f"{given} input rows give {rows} output rows (output '{output}', {name})"
            advice = (
                "keep the batch axis in every output: reduce over axis=1 or later, reshape with -1 first; "
                "cut a short last batch off"
            )
            return Verdict(
                status=Status.FAIL,
                message=message,
                advice=advice,
                findings={"given": given, "output_rows": odd},
            )
    return None


CHECK = Check(
    code="KC102",
    name="batch-size",
    title="batch sizes and a short last batch agree, one output row per input row",
    explanation=__doc__,
    pairs=batch_pairs(BATCH_SIZES),
    examine=examine,
)
