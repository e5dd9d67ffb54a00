"""Verdicts before the end: a check is asked as soon as every route has run that it would run with alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial

from keras_consistency_cli.checks.base import Check, Status, Verdict
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.pipeline.collector import EvidenceCollector, Look, Plan, Step
from keras_consistency_cli.routes.base import Route

__all__ = ["asked_early", "one_by_one"]


def asked_early(
    checks: Sequence[Check],
    table: Sequence[Route],
    known: DataContext,
    heard: Callable[[Verdict], None],
) -> Look:
    """Return what asks each check once, as soon as that can be, and tells `heard` what it says of the rows read by then."""
    needs = {check: _needed([check], table) for check in checks}

    def look(ran: Set[str], so_far: Callable[[], EvidenceCollector]) -> None:
        ready = [check for check, needed in needs.items() if needed <= ran]
        if ready:
            evidence = so_far().evidence(known)
            for check in ready:
                del needs[check]
                heard(check.verdict(evidence))

    return look


def one_by_one(checks: Sequence[Check], table: Sequence[Route], known: DataContext) -> Iterator[Step]:
    """Yield the steps of a run that ends at the first check that fails: what the first asks for, then what the next asks for beyond that."""

    def failed(check: Check, collector: EvidenceCollector) -> bool:
        return check.verdict(collector.evidence(known)).status is Status.FAIL

    for check in checks:
        yield Step(routes=_needed([check], table), enough=partial(failed, check))


def _needed(checks: Sequence[Check], table: Sequence[Route]) -> frozenset[str]:
    return frozenset(route.name for route in Plan.of(checks, table).routes)
