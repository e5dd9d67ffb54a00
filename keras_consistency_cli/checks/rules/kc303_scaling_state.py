"""The rows must be in their declared state: raw, or scaled once.

Why: rows are stored scaled by one step and scaled again by the next, or never scaled at all. Nothing crashes,
because the shapes are the same; the model sees inputs that it never saw in training.

How: the scaler stores what its training rows looked like, and so what they look like after it has scaled them
once and twice; reference rows show the same if they are given. The rows are compared with all three, feature
by feature, by the distance of the two distributions (Hellinger) and by the share of values within four
spreads. Only features that distinguish the three count. A failure needs rows that look like one state and
unlike their declared state; or single features with mean and spread of another state and nothing in common
with their declared one. If a pipeline transforms features before it scales them, with a logarithm for
example, the scaler stores nothing about raw rows: then rows fail that look scaled before the pipeline and no
longer after it; values that it turns into NaN count as lost. Served rows are compared value by value instead,
and go before the statistics.

To fix: scale in one place only. Rows that are stored scaled are declared with facts: {data_state: scaled}.

Sources: https://scikit-learn.org/stable/common_pitfalls.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.analysis.scalers.unscaled_columns import describe_unscaled_columns
from keras_consistency_cli.checks.analysis.scaling_state import (
    SIMILAR,
    STATES,
    FeatureState,
    Resemblance,
    by_input,
    features_in_other_state,
    format_share,
    is_clearly_nearer,
    mean_distance,
    measure_resemblance,
)
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.data_facts import DataFacts, RowsFact, ScalingFact, ServedFact

__all__ = ["CHECK"]

_NEARLY_ALL = 0.99
"""Share of the served rows that must be the same, value by value."""
_MOST = 0.5
"""Share of the values that must lie in the expected range for the rows to look like anything at all."""
_NAMED = 4
_FEWEST_LOST, _NEAR_SCALED, _NEARER = 0.1, 0.1, 0.3
"""For rows that a logarithm or a root turns into NaN: the least share of lost values, how near to scaled rows
the rows must be before the pipeline, and how much nearer than after it."""
_CAUSES = {"raw": "scaler-missing", "scaled": "scaler-applied-twice", "scaled twice": "scaler-applied-twice"}
_ADVICE = {
    "scaler-missing": "apply the scaler to the rows before the model, exactly once",
    "scaler-applied-twice": (
        "scale in one place only; rows that are stored scaled are declared with facts: {data_state: scaled}"
    ),
}


def examine(evidence: Evidence) -> Verdict:
    """Judge the served rows if there are any, else the rows by their statistics."""
    description = evidence.data.description
    if description.scaling is None:
        return Verdict.skip(f"no scaler or preprocess given{describe_unscaled_columns(evidence)}")
    if description.served_as is not None:
        return _judge_served(description.served_as, description.state)
    if description.generated:
        return Verdict.skip("no rows given: generated rows follow the scaler")
    return _judge_by_statistics(description, description.scaling)


def _judge_served(served: ServedFact, declared: str) -> Verdict:
    """Compare served rows value by value with correct, raw and twice scaled rows."""
    shares = {"raw": served.raw, "scaled once": served.scaled, "scaled twice": served.twice}
    findings: dict[str, Any] = {"served": shares, "rows": served.rows}
    if served.scaled >= _NEARLY_ALL:
        return Verdict.ok("the served rows are what the scaler gives", findings=findings)
    if declared == "raw" and served.raw >= _NEARLY_ALL:
        return _fail_served("not scaled", "raw", served, findings)
    if served.twice >= _NEARLY_ALL:
        return _fail_served("scaled twice", "scaled twice", served, findings)
    parts = ", ".join(f"{share:.0%} {name}" for name, share in shares.items() if share)
    reason = (
        f"the served rows are {parts or 'neither raw nor scaled once or twice'}, see KC301 for what was done"
    )
    return Verdict.skip(reason, findings=findings)


def _fail_served(what: str, state: str, served: ServedFact, findings: Mapping[str, Any]) -> Verdict:
    share = max(served.raw, served.twice)
    message = (
        f"serving fed rows that are {what}; {share:.0%} of {served.rows} rows are the same, value by value"
    )
    return _fail(message, state, findings)


def _judge_by_statistics(description: DataFacts, scaling: ScalingFact) -> Verdict:
    rows = by_input(description.raw, scaling.input)
    expected = scaling.shown or scaling.expected
    if rows is None or not expected:
        return _judge_by_outcome(description, scaling)
    declared, resemblance = description.state, measure_resemblance(rows, expected)
    findings: dict[str, Any] = {
        "overlap": {state: resemblance.overlap(state) for state in STATES},
        "within": {state: resemblance.share(state) for state in STATES},
        "telling": resemblance.telling,
        "features": resemblance.features,
    }
    share = _measure_share(rows, scaling, declared)
    findings["in_range"] = share
    if not resemblance.telling and share >= _MOST:
        return Verdict.ok(
            "raw and scaled rows look the same here, so it makes no difference", findings=findings
        )
    others = [state for state in STATES if state != declared]
    state = next((each for each in others if resemblance.looks(each, rather_than=declared)), None)
    if state is not None:
        message = (
            f"the rows are declared {declared} but look {state}; the distribution overlaps by "
            f"{resemblance.overlap(state):.0%} with {state} rows and by "
            f"{resemblance.overlap(declared):.0%} with {declared} rows "
            f"(by {resemblance.telling} of {resemblance.features} features)"
        )
        return _fail(message, state, findings)
    single = features_in_other_state(rows, expected, declared)
    if single:
        return _fail_features(single, declared, len(rows.columns), findings)
    return _judge_share(resemblance, share, declared, findings)


def _measure_share(rows: RowsFact, scaling: ScalingFact, declared: str) -> float:
    """The share of all values in the range of their declared state, by the scaler or by the reference rows.

    Reference rows are compared by the names of their columns, a scaler without names by their places.
    """
    sources = [source for source in (scaling.shown, scaling.expected) if source]
    state = STATES.index(declared)
    return min(measure_resemblance(rows, source).all_within[state] for source in sources)


@dataclass(frozen=True, kw_only=True)
class _Pipeline:
    """Distance of rows from scaled ones before and after a pipeline, and its share of losses."""

    before: float
    after: float
    lost: float

    @property
    def is_second_scaling(self) -> bool:
        """Whether the rows clearly look scaled before the pipeline, and no longer after it."""
        spoiled = self.after > SIMILAR and is_clearly_nearer(self.before, than=self.after)
        lossy = self.lost > _FEWEST_LOST and self.before < _NEAR_SCALED
        return spoiled or (lossy and self.after - self.before > _NEARER)

    def describe(self, kind: str) -> str:
        """Return the distances as shares, in words."""
        text = (
            f"the distribution overlaps by {1.0 - self.before:.0%} with scaled rows, "
            f"and by {1.0 - self.after:.0%} after the {kind}"
        )
        return f"{text}, which turns {self.lost:.0%} of the values into NaN" if self.lost else text


def _judge_by_outcome(description: DataFacts, scaling: ScalingFact) -> Verdict:
    """Judge by the rows after a pipeline, if the look of raw rows is not known."""
    pipeline = _measure_pipeline(description, scaling)
    if pipeline is None:
        return Verdict.skip(
            f"{scaling.kind} stores nothing about its training rows; "
            "give --reference train.npy or --served served.npy"
        )
    findings: dict[str, Any] = {
        "overlap": {"scaled": 1.0 - pipeline.before, "scaled twice": 1.0 - pipeline.after},
        "lost": pipeline.lost,
    }
    text = pipeline.describe(scaling.kind)
    if pipeline.is_second_scaling:
        return _fail(f"the rows are declared raw but look scaled; {text}", "scaled", findings)
    if not pipeline.after <= SIMILAR:
        return Verdict.skip(
            f"{scaling.kind} stores only how scaled rows look, and these look different: {text}"
        )
    return Verdict.ok(f"once scaled, the rows look as they should; {text}", findings=findings)


def _measure_pipeline(description: DataFacts, scaling: ScalingFact) -> _Pipeline | None:
    raw, fed = by_input(description.raw, scaling.input), by_input(description.fed, scaling.input)
    if not scaling.outcome or description.state != "raw" or raw is None or fed is None:
        return None
    if not len(raw.columns) == len(fed.columns) == len(scaling.outcome):
        return None
    centres, spreads = zip(*scaling.outcome, strict=True)
    before, kept = (mean_distance(side.columns, centres, spreads, rows=side.rows) for side in (raw, fed))
    lost = _lost_share(raw, fed)
    return _Pipeline(before=before, after=lost + (1.0 - lost) * kept if lost < 1.0 else 1.0, lost=lost)


def _lost_share(before: RowsFact, after: RowsFact) -> float:
    """The share of finite values that the pipeline turns into NaN or infinity."""
    finite, kept = (sum(column.count for column in side.columns) for side in (before, after))
    return 1.0 - kept / finite if kept < finite else 0.0


def _fail_features(
    features: Sequence[FeatureState], declared: str, of: int, findings: Mapping[str, Any]
) -> Verdict:
    """A FAIL for single features that are in a different state than the rows around them."""
    first = features[0]
    centre, spread = first.expected.raw if declared == "raw" else first.expected.scaled
    same = [f"'{each.expected.name}'" for each in features if each.state == first.state]
    more = f" and {len(same) - _NAMED} more" if len(same) > _NAMED else ""
    message = (
        f"{len(same)} of {of} features are declared {declared} but look {first.state}; "
        f"{', '.join(same[:_NAMED])}{more}: '{first.expected.name}' has mean "
        f"{first.column.mean:.3g} and deviation {first.column.sd:.3g}, {declared} it would have {centre:.3g} "
        f"and {spread:.3g}"
    )
    columns = {each.expected.name: each.state for each in features}
    return _fail(message, first.state, {**findings, "columns": columns})


def _judge_share(
    resemblance: Resemblance, share: float, declared: str, findings: Mapping[str, Any]
) -> Verdict:
    """A WARN if the rows look like no state at all."""
    shown = f"{format_share(share)} of the values are in the expected range"
    if min(share, resemblance.share(declared)) >= _MOST:
        return Verdict.ok(f"the rows look {declared}, as declared; {shown}", findings=findings)
    nearest = resemblance.nearest
    message = (
        f"the rows are declared {declared} but look unlike any state of the scaler; {shown}; the nearest "
        f"state is {nearest}, with {resemblance.overlap(nearest):.0%} of the distribution"
    )
    advice = "see KC702 for the features that shifted; --reference gives more detail"
    return Verdict.warn(message, findings=findings, advice=advice)


def _fail(message: str, state: str, findings: Mapping[str, Any]) -> Verdict:
    cause = _CAUSES[state]
    return Verdict.fail(message, cause=cause, findings={**findings, "found": state}, advice=_ADVICE[cause])


CHECK = Check(
    code="KC303",
    name="scaling-state",
    title="the rows are in their declared state, raw or scaled",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)
