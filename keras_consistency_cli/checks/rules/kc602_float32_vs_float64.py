"""The model's rounding noise: the distance of its outputs from float64 arithmetic.

Why: every limit of this report is a multiple of this number, measured for this model, these rows and each
output, instead of a guessed constant. A model that amplifies rounding (huge inputs, near-singular layers,
hundreds of layers) shows it here first. If the difference is larger than rounding can explain, it cannot
serve as the noise level: either something computes in less than float32, or the float64 copy is a different
model, because the config that it was rebuilt from is incomplete.

How: a float64 copy of the model (dtype policies raised, same weights) predicts the same float32 rows; the
largest and the mean distance to predict are the noise. The float64 copy runs once more, rounded to float32
after each layer: healthy models stay within 1.3 × that distance, one half-precision layer is 1000 × beyond
it. Above 32 × the distance is not taken as noise, limits fall back to 1e-4 of the output, and this check
warns. It fails if a quarter of the rows have noise above a tenth of the largest output: no digit is right
then, and no limit of another check means anything. The layer where the difference starts, or where rounding
grows most, is searched for in a run of both models layer by layer. Operations of the compiled step that
produce float16 or bfloat16 although no dtype policy asks for it are named.

To fix high noise: scale the inputs, add normalization, or compute the sensitive part in float64.

Sources: Higham, Accuracy and Stability of Numerical Algorithms, chapter 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.judgement import HIGH_NOISE, choose_rounded
from keras_consistency_cli.checks.preconditions import clock_operation, draws_numbers, is_random
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.jumps import FEWEST_DECIDED, decided_rows
from keras_consistency_cli.measurement.rounding import (
    CALIBRATION_ROWS,
    PLAUSIBLE_FACTOR,
    rounding_excess,
    rows_without_digit,
)
from keras_consistency_cli.routes.numerics.rounding import LowOperations
from keras_consistency_cli.routes.trace import FLOAT64_COPY, REFERENCE, ROUNDED

__all__ = ["CHECK"]

_DIFFERENT_MODEL = 10 * HIGH_NOISE
"""As a share of the largest output: a float64 copy this far off is a different model."""
_ALIKE = 0.1
"""The difference of predict from the rounded float64 copy, as a share of the noise, if both lose the same."""
_SET_POLICY = (
    "compute in float32 there, or declare lower precision with a dtype policy; "
    "then other checks use it as the noise level"
)
_LOOK_FOR_LOSSES = (
    "run --select KC801 for state and arguments that the config does not hold; "
    "otherwise look for a layer that computes in less than float32"
)


def examine(evidence: Evidence) -> Verdict:
    """Report the noise; WARN if it is high for float32, or if it cannot be rounding."""
    hidden = _low_operations(evidence) or _more_than_rounding(evidence)
    if hidden is not None:
        return hidden
    if not evidence.noise or all(noise.noise_elements == 0 for noise in evidence.noise.values()):
        return _unknown_noise(evidence)
    return _judge_noise(evidence)


def _judge_noise(evidence: Evidence) -> Verdict:
    decided = [
        noise
        for noise in evidence.noise.values()
        if noise.scaled > HIGH_NOISE and decided_rows(noise, fewest=_fewest_decided(evidence, noise))
    ]
    rounded = [noise for noise in evidence.noise.values() if noise not in decided]
    if not rounded:
        return _judge_decisions(decided)
    highest = max(rounded, key=lambda noise: noise.scaled)
    noise = "the error of quantisation" if evidence.facts.quantised else "rounding noise"
    message = f"{noise} is {highest.max_abs:.1e}, {highest.scaled:.1e} of the largest output"
    if highest.distinct_rows < CALIBRATION_ROWS:
        message += f" (from only {highest.distinct_rows} different rows: limits are widened)"
    low, beyond = ", ".join(evidence.facts.low_precision), _excess(evidence)
    findings = {"excess": beyond}
    if beyond > PLAUSIBLE_FACTOR:
        precision = low or f"less than float32 on {', '.join(evidence.facts.devices)}"
        message += f"; the model computes in {precision}, {beyond:.2g} × the rounding of float32"
        return Verdict.ok(message, findings=findings)
    if highest.scaled > HIGH_NOISE and not low:
        return _report_amplified(message, findings, lost=next(filter(rows_without_digit, rounded), None))
    return Verdict.ok(message + (f"; the model computes in {low}" if low else ""), findings=findings)


def _report_amplified(message: str, findings: Mapping[str, object], lost: Comparison | None) -> Verdict:
    """A WARN for amplified rounding, a FAIL if the outputs of many rows are nothing else."""
    message += "; the model amplifies rounding"
    if lost is None:
        advice = (
            "scale the inputs or normalize between layers; until then digits below this noise mean nothing"
        )
        return Verdict.warn(message, cause="ill-conditioned", findings=findings, advice=advice)
    count = rows_without_digit(lost)
    message += f", and no digit of the outputs is right in {count} of {lost.rows} rows"
    advice = "scale the inputs or normalize between layers; until then the outputs are rounding errors"
    return Verdict.fail(message, cause="ill-conditioned", findings={**findings, "lost": count}, advice=advice)


def _judge_decisions(noise: Sequence[Comparison]) -> Verdict:
    """A PASS: where float64 makes another decision, as of a tie, nothing is amplified; see KC604."""
    counts = [decided_rows(each, fewest=1) for each in noise]
    most = max(counts)
    rows = noise[counts.index(most)].rows
    why = "near ties, or small numbers lost next to large ones, such as the scores at a mask of -1e9"
    return Verdict.ok(f"the float64 copy differs in {most} of {rows} rows only: {why}")


def _fewest_decided(evidence: Evidence, noise: Comparison) -> int:
    """Return the fewest rows that may be decided otherwise: one, if all float32 arithmetic gives the same.

    A number that is added to a much larger one is lost in float32, in whatever order. Where rounding is
    amplified, the rounded copy has other errors than predict.
    """
    pairs = [each for each in choose_rounded(evidence.comparisons) if each.output == noise.output]
    is_alike = all(each.max_abs <= _ALIKE * noise.max_abs for each in pairs)
    return 1 if pairs and is_alike else FEWEST_DECIDED


def _excess(evidence: Evidence) -> float:
    rounded = evidence.comparisons.get((ROUNDED, REFERENCE), ())
    return max((rounding_excess(comparison) for comparison in rounded), default=0.0)


def _low_operations(evidence: Evidence) -> Verdict | None:
    """A WARN for operations that produce half precision without a dtype policy."""
    low = evidence.details("low-operations", LowOperations).get("low", [])
    if not low:
        return None
    more = f", and {len(low) - 1} more" if low[1:] else ""
    return Verdict.warn(
        f"{low[0]} computes in half precision without a dtype policy{more}",
        cause="low-precision",
        findings={"operations": low, "excess": _excess(evidence)},
        advice=_SET_POLICY,
    )


def _more_than_rounding(evidence: Evidence) -> Verdict | None:
    """A WARN if predict differs from the float64 copy by more than rounding can explain."""
    if is_random(evidence):
        return None
    pairs = evidence.comparisons.get((REFERENCE, FLOAT64_COPY), ())
    dropped = [each for each in pairs if each.output not in evidence.noise and each.noise_elements]
    beyond = _excess(evidence)
    if not dropped or not beyond > PLAUSIBLE_FACTOR:
        return None
    largest = max(dropped, key=lambda comparison: comparison.scaled)
    if evidence.facts.quantised:
        return Verdict.skip(
            "predict differs from its float64 copy by more than quantisation explains, see KC606"
        )
    message = (
        f"predict differs from float64 by {largest.scaled:.1e} of the largest output; "
        f"that is {beyond:.2g} × what rounding gives"
    )
    low = ", ".join(evidence.facts.low_precision)
    if low:
        return Verdict.warn(
            f"{message}, although the model computes in {low}",
            cause="low-precision",
            findings={"operations": [], "excess": beyond},
            advice="find the layer whose numbers are too large for that, and give it dtype='float32'",
        )
    if largest.scaled < _DIFFERENT_MODEL:
        return Verdict.warn(
            f"{message}, so it cannot serve as the noise level",
            cause="low-precision",
            findings={"operations": [], "excess": beyond},
            advice=_SET_POLICY,
        )
    # A different model is not a matter of precision: the checks that fail show what makes it different.
    message += ", so the float64 copy is a different model"
    return Verdict.warn(message, findings={"excess": beyond}, advice=_LOOK_FOR_LOSSES)


def _unknown_noise(evidence: Evidence) -> Verdict:
    """An ERROR if predict or its float64 copy crashed, else a SKIP with the reason."""
    traces = [trace for name in (REFERENCE, FLOAT64_COPY) if (trace := evidence.traces.get(name)) is not None]
    crashed = "; ".join(f"{trace.route}: {trace.error}" for trace in traces if trace.error)
    if crashed:
        return Verdict.error("rounding noise is unknown; limits are 1e-4 of the output", crashed)
    missing = "; ".join(trace.unavailable for trace in traces if trace.unavailable)
    if missing:
        return Verdict.skip(missing)
    if any(draws_numbers(trace) for trace in traces):
        return Verdict.skip("predict draws random numbers, and its float64 copy draws different ones")
    if clock_operation(evidence) is not None:
        return Verdict.skip("predict reads the clock, and its float64 copy runs at another time")
    plain = next((change.path for trace in traces for change in trace.changed if change.plain), None)
    if plain is not None:
        return Verdict.skip(f"predict changes {plain}, and its float64 copy may hold a different value")
    return Verdict.skip("predict gives no numbers, or not the same ones twice")


CHECK = Check(
    code="KC602",
    name="float32-vs-float64",
    title="the model's rounding noise, from which every limit is derived",
    explanation=__doc__,
    routes=(REFERENCE, FLOAT64_COPY, ROUNDED, "low-operations"),
    examine=examine,
)
