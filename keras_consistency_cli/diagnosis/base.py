"""What a cause is, and what a diagnosis says. Free of Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypedDict

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.diagnosis.impact import Impact
from keras_consistency_cli.routes.numerics.rounding_location import LayerGrowth

__all__ = [
    "EVERY_CALL",
    "WRONG_ROWS",
    "Cause",
    "CauseTexts",
    "CodePlace",
    "Diagnosis",
    "DiagnosisEvidence",
    "Failing",
    "Location",
    "RefusalCause",
    "covers_every_verdict",
    "is_reported",
]

EVERY_CALL = ("KC101", "KC102", "KC103", "KC104", "KC201", "KC203", "KC204")
"""The checks that call the model in different ways, or several times, on the same rows."""
WRONG_ROWS = ("KC702", "KC404", "KC703")
"""The checks that notice rows unlike those of training: in their values, in a layer, and in the outputs."""

Failing = Mapping[str, Verdict]
"""The checks that failed or warned, by code."""


class Location(TypedDict):
    """The layer at fault, and its position among the layers that ran."""

    layer: str
    kind: str
    order: int
    steps: int
    custom: bool


class DiagnosisEvidence(TypedDict, total=False):
    """The measurements behind a diagnosis; keys of the JSON report."""

    located: Location
    growth: list[LayerGrowth]


def is_reported(slug: str, failing: Failing) -> bool:
    """Whether a failed check names this cause in `findings["cause"]`."""
    return any(verdict.findings.get("cause") == slug for verdict in failing.values())


def _no_layer(_evidence: Evidence) -> str | None:
    return None


class CauseTexts(NamedTuple):
    """The sentence and the advice of a cause, with {layer} in place of the layer."""

    sentence: str
    advice: str


def _no_other_texts(_evidence: Evidence) -> CauseTexts | None:
    return None


def covers_every_verdict(_evidence: Evidence, _verdict: Verdict) -> bool:
    """Return True: the cause explains any verdict of its checks."""
    return True


@dataclass(frozen=True, kw_only=True)
class CodePlace:
    """A line of serving code that a rule of `kcheck code` names for the same fault."""

    path: str
    cell: int
    line: int
    rule: str
    message: str

    @property
    def label(self) -> str:
        """The place and the rule: "serve.py:42 KS101", "serve.ipynb:cell 3:4 KS102"."""
        cell = f"cell {self.cell}:" if self.cell else ""
        return f"{self.path}:{cell}{self.line} {self.rule}"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One cause and the verdicts that it explains.

    It is `confirmed` if the suspect was switched off and the failure disappeared, or if a check read or
    counted the fault directly. It is `likely` if only the signature fits. `confirmation` says how it was
    confirmed, or what was tried and why the cause is not certain.
    """

    cause: str
    severity: Literal["fail", "warn", "info"]
    sentence: str
    layer: str | None = None
    rows: tuple[int, ...] = ()
    explains: tuple[str, ...] = ()
    confidence: Literal["confirmed", "likely"] = "likely"
    confirmation: str = ""
    evidence: DiagnosisEvidence = field(default_factory=DiagnosisEvidence)
    advice: str = ""
    damage: Impact | None = None
    """The effect on the rows; None if nothing was compared."""
    depth: tuple[LayerDeviation, ...] = ()
    """The difference of the two runs at each layer, if a locating route measured it."""
    targets: tuple[str, ...] = ()
    """The exports or services that have this cause, which `sentence` begins with; none: the model has it."""
    code: tuple[CodePlace, ...] = ()
    """The lines of the code given with `--code` that show the same fault."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One known cause of inconsistent outputs.

    Args:
        slug: stable name, as in `kcheck explain cross-sample-dependence`.
        sentence: what is wrong, with {layer} in place of the layer.
        explanation: what `kcheck explain` prints.
        key: codes of the checks, one of which must have failed or warned.
        explains: all codes that this cause makes fail.
        advice: what to change, as text or code, with {layer} in place of the layer.
        fits: whether the evidence has its signature; None if a failed check names the cause itself.
        locator: the route that searches for its layer, if there is one.
        decided_by: the confirming route that tries other layers too, and names the one that it confirms.
        suspect: the layer that facts alone point to.
        covers: whether it explains this verdict, if it does not explain every verdict with such a code.
        specific: the sentence and the advice for this evidence, None if the general ones fit.
    """

    slug: str
    sentence: str
    explanation: str
    key: tuple[str, ...]
    explains: tuple[str, ...]
    advice: str
    fits: Callable[[Evidence, Failing], bool] | None = None
    locator: str | None = None
    decided_by: str | None = None
    suspect: Callable[[Evidence], str | None] = _no_layer
    covers: Callable[[Evidence, Verdict], bool] = covers_every_verdict
    specific: Callable[[Evidence], CauseTexts | None] = _no_other_texts

    def texts(self, evidence: Evidence) -> CauseTexts:
        """Return the sentence and the advice for this evidence."""
        return self.specific(evidence) or CauseTexts(sentence=self.sentence, advice=self.advice)

    def matches(self, evidence: Evidence, failing: Failing) -> bool:
        """Whether the evidence has the signature of this cause."""
        return self.fits(evidence, failing) if self.fits is not None else is_reported(self.slug, failing)


@dataclass(frozen=True, kw_only=True)
class RefusalCause:
    """A cause that prevents all checks.

    Args:
        slug: stable name, as in `kcheck explain code-in-file`.
        sentence: what is wrong.
        explanation: why it happens.
        detection: how kcheck finds it.
        advice: what to do; the report on a refusal has the advice for this file.
        source: where to read more.
        is_read: whether the fault itself is read from the file; otherwise something was tried and failed,
            which may have a different reason.
    """

    slug: str
    sentence: str
    explanation: str
    detection: str
    advice: str
    source: str
    is_read: bool = True
