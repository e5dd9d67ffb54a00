"""Run the command on a case, and compare its report with the planted fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.corpus.cases import Case, Files
from tests.helpers.in_process import SharedForkServer, in_folder, run_in_process

__all__ = ["Outcome", "examine", "examine_in_process", "read_outcome"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of the command for one case.

    `failing` are the codes that failed, `warning` those that warned; `cause` and `layer` are those of the
    report's first diagnosis; `problem` says why there is no report.
    """

    case: Case
    exit_code: int
    failing: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    cause: str | None = None
    layer: str | None = None
    problem: str | None = None

    @property
    def flagged(self) -> bool:
        """Whether one of the expected codes failed, or warned if a warning is expected."""
        failed = bool(set(self.failing) & set(self.case.failing))
        warned = bool({*self.failing, *self.warning} & set(self.case.warning))
        return (self.exit_code == 1 and failed) or (self.exit_code in (0, 1) and warned)

    @property
    def false_alarm(self) -> bool:
        """Whether a clean model was reported as inconsistent."""
        return not self.case.faulty and self.exit_code == 1

    @property
    def false_warning(self) -> bool:
        """Whether any check warned about a clean model: a healthy pipeline has no warning."""
        return not self.case.faulty and bool(self.warning)

    @property
    def right(self) -> bool:
        """Whether the result is right: a fault reported, or a clean model without a false warning."""
        return self.flagged if self.case.faulty else self.exit_code == 0 and not self.false_warning

    @property
    def right_cause(self) -> bool | None:
        """Whether the first diagnosis names an acceptable cause; None if the cause is not scored."""
        return self.cause in self.case.causes if self.case.causes else None

    @property
    def right_layer(self) -> bool | None:
        """Whether the first diagnosis names the planted layer or one inside it; None without one."""
        return None if self.case.layer is None else f"/{self.case.layer}/" in f"/{self.layer}/"

    def __str__(self) -> str:
        """One line for the list of misses."""
        wanted = (
            f"one of {', '.join((*self.case.failing, *self.case.warning))}" if self.case.faulty else "nothing"
        )
        warned = f", warning {', '.join(self.warning)}" if self.warning else ""
        failing = f"failing {', '.join(self.failing) or 'nothing'}{warned}"
        outcome = self.problem or f"{failing}, cause {self.cause}, layer {self.layer}"
        causes = "/".join(self.case.causes) or "-"
        expected = f"wanted {wanted}, {causes} at {self.case.layer}"
        return f"[{self.case.family}] {self.case.name}: {expected}; exit {self.exit_code}, {outcome}"


def examine(case: Case, files: Files, *, timeout_s: float = 300.0, only_own: bool = False) -> Outcome:
    """Run `kcheck run` on the files of a case and read its JSON report.

    Args:
        case: the case.
        files: its files.
        timeout_s: seconds until the command is ended.
        only_own: run only the checks that must report the fault, or those whose fault a clean case
            resembles; all checks on a clean case that resembles no fault.
    """
    command = [sys.executable, "-m", "keras_consistency_cli", *_arguments(case, files, only_own)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired:
        return Outcome(case=case, exit_code=3, problem=f"no answer within {timeout_s:.0f} s")
    return read_outcome(case, done.returncode, done.stdout, done.stderr)


def examine_in_process(
    case: Case, files: Files, fork_server: SharedForkServer, *, only_own: bool = False
) -> Outcome:
    """Do the same without a new interpreter for the command and its backend."""
    with in_folder(files.model.parent):
        done = run_in_process(*_arguments(case, files, only_own), fork_server=fork_server)
    return read_outcome(case, done.code, done.out, done.err)


def _arguments(case: Case, files: Files, only_own: bool) -> tuple[str, ...]:
    # KC201 gives a verdict for any model.
    own = (*case.failing, *case.warning, *((*case.quiet, "KC201") if case.quiet else ()))
    selected = ("--select", ",".join(own)) if only_own and own and "--select" not in files.args else ()
    return ("run", str(files.model), *files.args, *selected, "--format", "json")


def read_outcome(case: Case, exit_code: int, stdout: str, stderr: str) -> Outcome:
    """Return the outcome of a finished command by its two streams."""
    try:
        report: dict[str, Any] = json.loads(stdout)
    except ValueError:
        return Outcome(
            case=case,
            exit_code=exit_code,
            problem=" ".join(stderr.split())[-200:] or "no report and no message",
        )
    failing, warning = (
        tuple(result["code"] for result in report["results"] if result["status"] == status)
        for status in ("fail", "warn")
    )
    first: dict[str, Any] = next(iter(report["diagnoses"]), {})
    return Outcome(
        case=case,
        exit_code=exit_code,
        failing=failing,
        warning=warning,
        cause=first.get("cause"),
        layer=first.get("layer"),
    )
