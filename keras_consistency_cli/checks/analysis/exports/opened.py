"""The exports of a run, as checks see them: how they are called, or why they could not be opened."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.targets import Targets
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.exports.interface import INTERFACE, InterfaceDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["EXPORTS", "interface_of", "refusal_of", "skip_if_refused"]

EXPORTS = Targets(
    key="export",
    labels=Settings.export_labels,
    route=INTERFACE,
    nothing="no export to compare: --export FILE or --try-export FORMATS",
)


def interface_of(evidence: Evidence, label: str) -> InterfaceDetails | None:
    """Return how an export is called, None if it could not be opened."""
    trace = evidence.traces.get(route_on(INTERFACE, label))
    return trace.details_as(InterfaceDetails) if trace is not None and trace.ran else None


def refusal_of(evidence: Evidence, label: str) -> tuple[str, str] | None:
    """Return why an export could not be opened, and the slug of the cause; None if it could."""
    trace = evidence.traces.get(route_on(INTERFACE, label))
    if trace is None or trace.unavailable is None:
        return None
    return trace.unavailable, str(trace.details.get("cause", ""))


def skip_if_refused(evidence: Evidence, label: str) -> Verdict | None:
    """Return a SKIP if an export could not be opened, which KC904 reports; else None."""
    refusal = refusal_of(evidence, label)
    return None if refusal is None else Verdict.skip(refusal[0])
