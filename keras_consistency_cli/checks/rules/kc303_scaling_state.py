"""The rows must be in the state that they are said to be in: raw, or scaled once.

Why: rows are stored scaled by one step and scaled again by the next, or never scaled at all. Nothing crashes, for the
shapes are the same; the model answers from a corner of its input space that it never saw in training.

How: the scaler remembers what its training rows looked like, and so what they look like once it has scaled them, and
once it has scaled them twice; reference rows show the same where they are given. The rows are held against all three,
feature by feature, by the distance of the two distributions (Hellinger) and by the share of values within four spreads.
Only features that tell the three apart count. A failure needs rows that are like one state and unlike the one they are
said to be in; or single features that have mean and spread of another state, and nothing in common with their own.
Behind steps that bend features, as a logarithm does, a scaler remembers nothing of raw rows: then they fail where they
look scaled before the pipeline, and no longer behind it; what it makes NaN of counts as lost.
Served rows are compared value by value instead, and overrule the statistics.

To fix: scale in one place only. Rows that are stored scaled are declared with facts: {data_state: scaled}.

Sources: https://scikit-learn.org/stable/common_pitfalls.html.
"""

from __future__ import annotations

from typing import Any

from keras_consistency_cli.checks.analysis.scaling_state import (
    ALIKE,
    STATES,
    Resemblance,
    by_input,
    clearly,
    mean_distance,
    misplaced,
    resemblance,
)
from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.measurement.column_facts import ColumnFact, ExpectedColumn
from keras_consistency_cli.measurement.facts import DataFacts, RowsFact, ScalingFact, ServedFact

__all__ = ["CHECK"]

_NEARLY_ALL = 0.99
"""Share of the served rows that must be the same, value by value."""
_MOST = 0.5
"""Share of the values that must lie where they would, for the rows to look like anything at all."""
_NAMED = 4
_LOST, _THE_SAME, _WORSE = 0.1, 0.1, 0.3
"""Of rows that a logarithm or a root makes NaN of: so many values at the least, where they lie as scaled ones do, and how much better than behind."""
_CAUSES = {"raw": "scaler-missing", "scaled": "scaler-applied-twice", "scaled twice": "scaler-applied-twice"}
_ADVICE = {
    "scaler-missing": "send the rows through the scaler before the model, exactly once",
    "scaler-applied-twice": (
        "scale in one place only; rows that are stored scaled are declared with facts: {data_state: scaled}"
    ),
}


def examine(evidence: Evidence) -> Verdict:
    """Judge the served rows where there are some, else the rows by their statistics."""
    known: DataFacts | None = evidence.data.get("description")
    if known is None or known.scaling is None:
        return _skip("no scaler or preprocess given")
    if known.served_as is not None:
        return _served(known.served_as, known.state)
    if known.generated:
        return _skip("no rows given: those that were made follow the scaler anyway")
    return _by_statistics(known, known.scaling)


def _skip(reason: str) -> Verdict:
    return Verdict(status=Status.SKIP, message="the state of the rows is not known", reason=reason)


def _served(served: ServedFact, state: str) -> Verdict:
    """What serving fed, compared value by value: the right rows, the rows as they came, or rows scaled once too often."""
    shares = {"raw": served.raw, "scaled once": served.scaled, "scaled twice": served.twice}
    findings: dict[str, Any] = {"served": shares, "rows": served.rows}
    if served.scaled >= _NEARLY_ALL:
        return Verdict(
            status=Status.PASS, message="the served rows are what the scaler gives", findings=findings
        )
    found = (
        "raw"
        if state == "raw" and served.raw >= _NEARLY_ALL
        else "scaled twice"
        if served.twice >= _NEARLY_ALL
        else None
    )
    if found is None:
        told = (
            ", ".join(f"{share:.0%} {name}" for name, share in shares.items() if share)
            or "none of them are raw, scaled once or scaled twice"
        )
        reason = f"{told}: KC301 says what was done to them"
        return Verdict(
            status=Status.SKIP,
            message="the served rows are in no plain state",
            reason=reason,
            findings=findings,
        )
    said = "not scaled" if found == "raw" else "scaled twice"
    message = (
        f"serving fed rows that are {said}: {max(served.raw, served.twice):.0%} of {served.rows} rows are "
        "the same, value by value"
    )
    return _fail(message, found, findings)


def _by_statistics(known: DataFacts, scaling: ScalingFact) -> Verdict:
    rows = by_input(known.raw, scaling.input)
    expected = scaling.shown or scaling.expected
    if rows is None or not expected:
        return _by_outcome(known, scaling)
    found = resemblance(rows, expected)
    findings: dict[str, Any] = {
        "overlap": {state: found.overlap(state) for state in STATES},
        "within": {state: found.share(state) for state in STATES},
        "telling": found.telling,
        "features": found.features,
    }
    alone = misplaced(rows, expected, known.state)
    if not found.telling:
        return Verdict(
            status=Status.PASS,
            message="raw and scaled rows look alike here, so that it makes no difference",
            findings=findings,
        )
    other = next(
        (state for state in STATES if state != known.state and found.looks(state, rather_than=known.state)),
        None,
    )
    if other is None and alone:
        return _single(alone, known.state, len(rows.columns), findings)
    if other is None:
        return _unremarkable(found, known.state, findings)
    message = (
        f"the rows are said to be {known.state} but look {other}: their distribution is "
        f"{found.overlap(other):.0%} that of {other} rows and "
        f"{found.overlap(known.state):.0%} that of {known.state} ones ({found.telling} of {found.features} "
        "features tell)"
    )
    return _fail(message, other, findings)


def _by_outcome(known: DataFacts, scaling: ScalingFact) -> Verdict:
    """By what comes out of a pipeline, where nothing tells what should go in: rows that look scaled before it, and not behind it, are scaled."""
    sides = [by_input(side, scaling.input) for side in (known.raw, known.fed)]
    if (
        not scaling.outcome
        or known.state != "raw"
        or not all(side is not None and len(side.columns) == len(scaling.outcome) for side in sides)
    ):
        return _skip(
            f"{scaling.kind} remembers nothing of its training rows; --reference train.npy or --served "
            "served.npy would tell"
        )
    centres, spreads = zip(*scaling.outcome, strict=True)
    before, kept = (
        mean_distance(side.columns, centres, spreads, rows=side.rows) for side in sides if side is not None
    )
    lost = _lost(*sides)
    behind = lost + (1.0 - lost) * kept if lost < 1.0 else 1.0
    findings: dict[str, Any] = {
        "overlap": {"scaled": 1.0 - before, "scaled twice": 1.0 - behind},
        "lost": lost,
    }
    told = (
        f"their distribution is {1.0 - before:.0%} that of scaled rows, and {1.0 - behind:.0%} once they "
        f"have been through the {scaling.kind}"
    )
    told += f", which makes NaN of {lost:.0%} of the values" if lost else ""
    if (behind > ALIKE and clearly(before, rather_than=behind)) or (
        lost > _LOST and before < _THE_SAME and behind - before > _WORSE
    ):
        return _fail(f"the rows are said to be raw but look scaled: {told}", "scaled", findings)
    if not behind <= ALIKE:
        return _skip(f"{scaling.kind} tells what should come out, not what goes in: {told}")
    return Verdict(
        status=Status.PASS, message=f"the rows, once scaled, look as they should: {told}", findings=findings
    )


def _lost(before: RowsFact | None, behind: RowsFact | None) -> float:
    """The share of finite values that come out of the pipeline as NaN or infinite."""
    counts = [
        sum(column.count for column in side.columns) if side is not None else 0 for side in (before, behind)
    ]
    return 1.0 - counts[1] / counts[0] if counts[1] < counts[0] else 0.0


def _single(
    alone: list[tuple[ExpectedColumn, ColumnFact, str]], said: str, features: int, findings: dict[str, Any]
) -> Verdict:
    """Features that are in another state than the rows around them."""
    expected, column, state = alone[0]
    centre, spread = expected.raw if said == "raw" else expected.scaled
    same = [each.name for each, _, other in alone if other == state]
    shown = ", ".join(f"'{name}'" for name in same[:_NAMED]) + (
        f" and {len(same) - _NAMED} more" if len(same) > _NAMED else ""
    )
    message = (
        f"{len(same)} of {features} features are said to be {said} like the others but look {state}: "
        f"{shown}; '{expected.name}' has mean "
        f"{column.mean:.3g} and deviation {column.sd:.3g} where {centre:.3g} and {spread:.3g} would be {said}"
    )
    return _fail(message, state, {**findings, "columns": {each.name: other for each, _, other in alone}})


def _unremarkable(found: Resemblance, state: str, findings: dict[str, Any]) -> Verdict:
    if found.share(state) >= _MOST:
        message = (
            f"the rows look {state}, as they are said to be: {found.share(state):.0%} of the values lie "
            "where they would"
        )
        return Verdict(status=Status.PASS, message=message, findings=findings)
    message = (
        f"the rows are said to be {state} and look like nothing the scaler knows: {found.share(state):.0%} "
        "of the values lie where they "
        f"should; nearest is {found.nearest}, with {found.overlap(found.nearest):.0%} of the distribution"
    )
    return Verdict(
        status=Status.WARN,
        message=message,
        findings=findings,
        advice="KC702 says which features have moved; --reference tells more",
    )


def _fail(message: str, found: str, findings: dict[str, Any]) -> Verdict:
    cause = _CAUSES[found]
    return Verdict(
        status=Status.FAIL,
        message=message,
        findings={**findings, "found": found, "cause": cause},
        advice=_ADVICE[cause],
    )


CHECK = Check(
    code="KC303",
    name="scaling-state",
    title="the rows are raw or scaled, as they are said to be",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)
