"""The verdict of a check, and the comparisons that it was judged by. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict, Unpack

from keras_consistency_cli.measurement.comparison import EDGES, Comparison
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.measurement.rounding import mean_deviation

__all__ = ["Judged", "Status", "Verdict"]

Findings = Mapping[str, Any]
_SHOWN_TEXT = 80


class Status(StrEnum):
    """The five statuses of a check, in the order from best to worst."""

    PASS = "pass"  # noqa: S105
    SKIP = "skip"
    WARN = "warn"
    ERROR = "error"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A comparison and the limit that it was compared with."""

    comparison: Comparison
    limit: Limit
    within: bool
    float64_pair: Comparison | None = None
    """The same pair of routes on the float64 copy, None if it was not compared."""
    reason: str = ""
    """The rule that decided, in words."""
    by_nonfinite: bool = False
    """Whether NaN or infinity in one of the two results decided, whatever the other values are."""

    @property
    def deviation(self) -> float:
        """The difference that the limit is about: the greatest one, the mean, or that on the float64 copy."""
        if self.limit.measure == "mean":
            return mean_deviation(self.comparison)
        return self.decisive.max_abs

    @property
    def decisive(self) -> Comparison:
        """The comparison that the limit is about; that on the float64 copy may have fewer rows."""
        pair = self.float64_pair if self.limit.measure == "float64" else None
        return self.comparison if pair is None else pair

    @property
    def rows_beyond(self) -> int:
        """How many rows of the decisive comparison are beyond the limit; how many differ if none is.

        If NaN or infinity decided, these are the rows that hold it; the others may differ by rounding.
        """
        if self.by_nonfinite:
            return self.comparison.rows_over(EDGES[-1])
        beyond = self.decisive.rows_over(self.limit.value)
        is_float64 = self.decisive is not self.comparison
        return beyond if beyond or is_float64 else self.comparison.rows_differing


class _Parts(TypedDict, total=False):
    """What a pass, a warning and a failure may have in addition to their message."""

    reason: str | None
    judged: Sequence[Judged]
    findings: Findings | None
    advice: str | None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of one check: `findings` for machines, `advice` as the next step for people.

    The part of `message` before the first "; " is a statement of its own, short enough for a table. `code`
    and `name` are filled in by `Check.verdict`.
    """

    status: Status
    message: str
    code: str = ""
    name: str = ""
    reason: str | None = None
    """Why the check was skipped, or what crashed."""
    judged: tuple[Judged, ...] = ()
    findings: Findings = field(default_factory=dict)
    advice: str | None = None
    elapsed_s: float = 0.0
    by_target: Mapping[str, Verdict] = field(default_factory=dict)
    """The verdicts of single exports or services, by label, if the check examines these."""

    def __repr__(self) -> str:
        """One short line, as in a notebook or the message of an assertion."""
        text = (self.message or self.reason or "").partition("; ")[0]
        shown = text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 1]}…"
        return f"<{self.code or 'verdict'} {self.name} {self.status.value}: {shown}>"

    @property
    def is_in_model_units(self) -> bool:
        """Whether differences are in the units of the model: not if recorded outputs are in others."""
        return not (self.findings.get("contradictions") or self.findings.get("forms"))

    @classmethod
    def ok(cls, message: str, **parts: Unpack[_Parts]) -> Verdict:
        """A pass."""
        return cls._judged(Status.PASS, message, **parts)

    @classmethod
    def warn(cls, message: str, *, cause: str | None = None, **parts: Unpack[_Parts]) -> Verdict:
        """A warning; `cause` is the slug of the cause that the check itself can name."""
        return cls._judged(Status.WARN, message, cause, **parts)

    @classmethod
    def fail(cls, message: str, *, cause: str | None = None, **parts: Unpack[_Parts]) -> Verdict:
        """A failure; `cause` is the slug of the cause that the check itself can name."""
        return cls._judged(Status.FAIL, message, cause, **parts)

    @classmethod
    def error(
        cls, message: str, reason: str, *, judged: Sequence[Judged] = (), advice: str | None = None
    ) -> Verdict:
        """An error: something crashed, so that nothing can be said; `reason` says what."""
        return cls(status=Status.ERROR, message=message, reason=reason, judged=tuple(judged), advice=advice)

    @classmethod
    def skip(cls, reason: str, *, judged: Sequence[Judged] = (), findings: Findings | None = None) -> Verdict:
        """A skip: the check does not apply, or nothing could be compared."""
        return cls(
            status=Status.SKIP,
            message=reason,
            reason=reason,
            judged=tuple(judged),
            findings=findings or {},
        )

    @classmethod
    def _judged(
        cls,
        status: Status,
        message: str,
        cause: str | None = None,
        *,
        reason: str | None = None,
        judged: Sequence[Judged] = (),
        findings: Findings | None = None,
        advice: str | None = None,
    ) -> Verdict:
        return cls(
            status=status,
            message=message,
            reason=reason,
            judged=tuple(judged),
            findings={**(findings or {}), **({"cause": cause} if cause else {})},
            advice=advice,
        )
