"""The result of a fleet: a report per model as plain data and rendered text, so that it can be stored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.formats.json_report import as_document
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.render import REFUSALS, RENDERERS
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.reporting.stored.reader import as_mapping
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean, format_count

__all__ = ["MODEL_FORMATS", "SCHEMA", "FleetReport", "ModelResult", "model_result"]

SCHEMA = "kcheck.fleet/1"
MODEL_FORMATS = ("concise", "junit", "sarif", "github", "markdown", "html")
"""The formats in which a model's own report is part of the report on the fleet; JSON is kept as data."""

_WORDS = {"consistent": "consistent", "inconsistent": "inconsistent", "no-verdict": "without verdict"}
_SLOWEST = 5
_INTERRUPTED = 130
_WORST_FIRST = {"inconsistent": 0, "no-verdict": 1, "consistent": 2}
_PLAIN = Canvas(width=100)


@dataclass(frozen=True, kw_only=True)
class ModelResult:
    """The result for one model of the fleet.

    `document` is its JSON report, `texts` are its reports in other formats. `attempts` is above 1 if a
    worker died and the model was checked again. `stored` says that the result comes from an earlier run
    (`--resume`).
    """

    name: str
    model: str
    document: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0
    attempts: int = 1
    stored: bool = False

    @property
    def outcome(self) -> str:
        """The verdict of the model."""
        verdict = str(self.document.get("verdict"))
        return verdict if verdict in _WORDS else "no-verdict"

    @property
    def exit_code(self) -> int:
        """The exit code of `kcheck run` for this model, with 3 for a file that cannot be read."""
        code = self.document.get("exit_code")
        return code if code in (0, 1) else 3

    @property
    def error(self) -> str | None:
        """Why no check ran, if none did."""
        error = as_mapping(self.document.get("error")).get("message")
        return None if error is None else clean(error, 400)

    @property
    def causes(self) -> tuple[Mapping[str, Any], ...]:
        """The diagnoses of the report that are failures or warnings, or the cause of a refusal."""
        diagnoses = self.document.get("diagnoses")
        listed = map(as_mapping, diagnoses if isinstance(diagnoses, list) else [])
        return tuple(diagnosis for diagnosis in listed if diagnosis.get("severity") != "info")

    def codes(self, status: str) -> tuple[str, ...]:
        """Return the codes of the checks with this status."""
        results = self.document.get("results")
        listed = map(as_mapping, results if isinstance(results, list) else [])
        return tuple(clean(each.get("code"), 12) for each in listed if each.get("status") == status)


def model_result(
    name: str, model: str, ending: Report | KcheckError, formats: Iterable[str], *, elapsed_s: float
) -> ModelResult:
    """Return the result for a report, or for the error that ended the run.

    Args:
        name: the name of the model in the fleet.
        model: the path of the model.
        ending: what the run returned or raised.
        formats: those of MODEL_FORMATS that are needed.
        elapsed_s: the duration.
    """
    if isinstance(ending, KcheckError):
        refused = {form: REFUSALS[form](__version__, model, ending) for form in formats}
        document = _refusal_document(model, ending)
        return ModelResult(name=name, model=model, document=document, texts=refused, elapsed_s=elapsed_s)
    texts = {form: RENDERERS[form](ending, _PLAIN) for form in formats}
    return ModelResult(name=name, model=model, document=as_document(ending), texts=texts, elapsed_s=elapsed_s)


def _refusal_document(model: str, refusal: KcheckError) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(REFUSALS["json"](__version__, model, refusal))
    return document


@dataclass(frozen=True, kw_only=True)
class FleetReport:
    """The results of all models, in the order in which they were named.

    `not_run` are the models that were not checked, because a fault ended the run (`--fail-fast`) or a signal
    did.
    """

    results: Sequence[ModelResult]
    not_run: Sequence[str] = ()
    interrupted: bool = False
    """Whether a signal ended the run."""
    notes: Sequence[str] = ()
    elapsed_s: float = 0.0
    reproduce: str = ""
    version: str = __version__

    @property
    def exit_code(self) -> int:
        """The worst of all models: 1 if one has a fault, else 3 if one has no verdict or was not checked.

        130 after a signal.
        """
        return _INTERRUPTED if self.interrupted else self._code

    @property
    def _code(self) -> int:
        codes = {result.exit_code for result in self.results}
        return 1 if 1 in codes else 3 if 3 in codes or self.not_run or not self.results else 0

    @property
    def outcome(self) -> str:
        """The verdict of the fleet: the worst of its models."""
        amounts = self._amounts
        if amounts["inconsistent"]:
            return "inconsistent"
        is_open = amounts["no-verdict"] or self.not_run or not self.results
        return "no-verdict" if is_open else "consistent"

    @property
    def _amounts(self) -> Counter[str]:
        return Counter(result.outcome for result in self.results)

    @property
    def worst_first(self) -> tuple[ModelResult, ...]:
        """The results, those with faults first."""
        return tuple(sorted(self.results, key=lambda result: _WORST_FIRST[result.outcome]))

    @property
    def causes(self) -> tuple[tuple[str, int], ...]:
        """Each cause with the number of models that have it, the most frequent first."""
        found = Counter(
            cause
            for result in self.results
            for cause in sorted({clean(each.get("cause"), 60) for each in result.causes})
        )
        return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def slowest(self) -> tuple[ModelResult, ...]:
        """The models that took longest in this run."""
        timed = sorted(self.results, key=lambda result: -result.elapsed_s)
        return tuple(result for result in timed[:_SLOWEST] if result.elapsed_s and not result.stored)

    def counts(self) -> dict[str, int]:
        """Return the numbers of models by verdict, by the keys of the JSON report."""
        amounts = self._amounts
        return {
            "models": len(self.results) + len(self.not_run),
            "consistent": amounts["consistent"],
            "inconsistent": amounts["inconsistent"],
            "no_verdict": amounts["no-verdict"],
            "not_run": len(self.not_run),
            "stored": sum(result.stored for result in self.results),
        }

    def summary(self) -> str:
        """Return the result in one line."""
        amounts = [f"{number} {_WORDS[word]}" for word in _WORST_FIRST if (number := self._amounts[word])]
        amounts += [f"{len(self.not_run)} not checked"] if self.not_run else []
        stored = self.counts()["stored"]
        amounts += [f"{stored} from the earlier run"] if stored else []
        models = format_count(self.counts()["models"], "model")
        return f"{models}: {', '.join(amounts)} in {self.elapsed_s:.1f} s, exit {self.exit_code}"
