"""What a confirmation is, and tests that several causes use.

A test reads the evidence only. It returns None if nothing was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.measurement.negligible import NEGLIGIBLE_OF_DIFFERENCE
from keras_consistency_cli.measurement.rounding import MAX_FACTOR
from keras_consistency_cli.routes.locating.activation_patching import PatchDetails

__all__ = [
    "Confirmation",
    "ConfirmationResult",
    "ConfirmationTest",
    "cannot_confirm",
    "cannot_test",
    "first_confirmed",
    "float32_noise",
    "layer_list",
    "read_by_check",
    "replacing_outputs_removes_difference",
    "reported_by_check",
]

_LISTED_LAYERS = 3


@dataclass(frozen=True, kw_only=True)
class ConfirmationResult:
    """The result of an attempt: whether it confirms the cause, and a clause that says why.

    `explanation` has no capital and no full stop. `layers` are those whose outputs had to be replaced, all of
    them, until the failure disappeared.
    """

    confirmed: bool
    explanation: str
    layers: tuple[str, ...] = ()

    def other_layers(self, layer: str | None) -> tuple[str, ...]:
        """Return the layers with the same fault as this one."""
        return tuple(path for path in self.layers if path != layer) if layer in self.layers else ()


ConfirmationTest = Callable[[Evidence, Failing], ConfirmationResult | None]


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """How a cause is confirmed, in words for readers, and the test of whether it was.

    `routes` switch the suspect off. They run only after a check has failed; with `if_warned`, also after a
    warning.
    """

    how: str
    test: ConfirmationTest
    routes: tuple[str, ...] = ()
    if_warned: bool = False


def first_confirmed(*tests: ConfirmationTest) -> ConfirmationTest:
    """Return a test: the first of these that confirms the cause, else the first that ran."""

    def test(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
        results = [result for each in tests if (result := each(evidence, failing)) is not None]
        return next((result for result in results if result.confirmed), results[0] if results else None)

    return test


def cannot_confirm(explanation: str) -> ConfirmationTest:
    """Return a test that never confirms the cause, and says why."""
    return lambda _evidence, _failing: ConfirmationResult(confirmed=False, explanation=explanation)


def cannot_test(reason: str) -> Confirmation:
    """Return the confirmation of a cause that kcheck cannot switch off."""
    return Confirmation(how=f"not: {reason}", test=cannot_confirm(reason))


def reported_by_check(
    explanation: str, *codes: str, finding: str = "", failed: bool = False
) -> ConfirmationTest:
    """Return a test for causes that a check reads or counts directly.

    Args:
        explanation: what the check read or counted.
        codes: the checks that do so.
        finding: a key that their findings must have, with a value that is not empty; empty accepts any
            findings.
        failed: whether a warning is not sufficient.
    """

    def test(_evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
        verdicts = [
            failing[code]
            for code in codes
            if code in failing and (not failed or failing[code].status is Status.FAIL)
        ]
        is_reported = any(not finding or verdict.findings.get(finding) for verdict in verdicts)
        return ConfirmationResult(confirmed=True, explanation=explanation) if is_reported else None

    return test


def read_by_check(
    how: str, explanation: str, *codes: str, finding: str = "", if_not: str = ""
) -> Confirmation:
    """Return the confirmation of a cause that a check reads; `if_not` says why it did not."""
    test = reported_by_check(explanation, *codes, finding=finding)
    return Confirmation(how=how, test=first_confirmed(test, cannot_confirm(if_not)) if if_not else test)


def layer_list(paths: Iterable[str]) -> str:
    """Return layers in words: 'a', 'b' and 2 more."""
    quoted = [f"'{path}'" for path in paths]
    shown, more = quoted[:_LISTED_LAYERS], len(quoted) - _LISTED_LAYERS
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def float32_noise(evidence: Evidence) -> float:
    """Return the rounding noise of the output that has most of it; 0 if it is unknown."""
    return max((each.max_abs for each in evidence.noise.values()), default=0.0)


def replacing_outputs_removes_difference(route: str, action: str, outcome: str) -> ConfirmationTest:
    """Return a test by activation patching.

    Args:
        route: the route that replaced the outputs of the suspects.
        action: what it did to them, with {layers}.
        outcome: what is true after that, if they are the cause.
    """

    def test(evidence: Evidence, _failing: Failing) -> ConfirmationResult | None:
        details = evidence.details(route, PatchDetails)
        if "left" not in details:
            return None
        left = details["left"]
        if left is None:
            return ConfirmationResult(confirmed=False, explanation=_own_code(evidence, details))
        done = action.format(layers=layer_list(details["held"]))
        # If a class runs own code between layers, its layers were replaced for that code.
        layers = () if "own_code" in details else tuple(details["held"])
        if left == 0:
            return ConfirmationResult(confirmed=True, explanation=f"{done}, {outcome}", layers=layers)
        if _is_rounding(evidence, left, details["before"]):
            rounding = f"{done}, {outcome}, except for rounding ({left:.1e})"
            return ConfirmationResult(confirmed=True, explanation=rounding, layers=layers)
        return ConfirmationResult(confirmed=False, explanation=f"{done}, {_difference_left(details)}")

    return test


def _own_code(evidence: Evidence, details: PatchDetails) -> str:
    methods = " or ".join(["call()", *evidence.facts.overridden])
    return (
        "no layer is the cause: the input of a layer differs although all layers before it agree, "
        f"so the fault is in the {methods} of {details['own_code']}"
    )


def _difference_left(details: PatchDetails) -> str:
    further = f", and '{details['then']}' differs next" if details.get("then") else ""
    return (
        f"{details['left']:.2g} of the difference of {details['before']:.2g} is left{further}: "
        "there is a further cause"
    )


def _is_rounding(evidence: Evidence, left: float, before: float) -> bool:
    """Whether kernels that add in varying order, as on accelerators, explain what is left."""
    most = min(MAX_FACTOR * float32_noise(evidence), NEGLIGIBLE_OF_DIFFERENCE * before)
    return 0 < left <= most
