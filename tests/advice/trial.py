"""A trial of an advice: a faulty case, what the advice says to do with its files, and the run afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.corpus.cases import Case, Files
from tests.helpers.in_process import SharedForkServer, in_folder, run_in_process

__all__ = ["Findings", "Fix", "Proof", "Trial", "find"]

Fix = Callable[[Files], Files]
"""Does what the advice says, and returns the files and arguments of the next run."""

Proof = Callable[[Files], None]
"""Does what the advice says in code that no file holds, and asserts that the symptom is gone."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One sentence of an advice, applied to one faulty case.

    Args:
        slug: the cause that the advice is for.
        tries: the part of the advice that is tried.
        faulty: the case that has this cause.
        fix: applies the advice to the files; kcheck must then find nothing.
        proof: in place of `fix`, if the advice is about code that calls the model.
        select: the checks that run, with KC201; those that report the faulty case if it is empty.
    """

    slug: str
    tries: str
    faulty: Case
    fix: Fix | None = None
    proof: Proof | None = None
    select: tuple[str, ...] = ()

    @property
    def checks(self) -> tuple[str, ...]:
        """The codes of the checks that run before and after the fix; KC201 gives a verdict for any model."""
        return (*(self.select or (*self.faulty.failing, *self.faulty.warning)), "KC201")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a run found: its exit code, its causes, and the checks that fail or warn."""

    exit_code: int
    causes: tuple[str, ...] = ()
    reported: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def find(files: Files, checks: tuple[str, ...], fork_server: SharedForkServer) -> Findings:
    """Run these checks on the files in this process."""
    selected = ("--select", ",".join(checks)) if checks else ()
    with in_folder(files.model.parent):
        arguments = ("run", str(files.model), *files.args, *selected, "--format", "json")
        done = run_in_process(*arguments, fork_server=fork_server)
    return _read(done.code, done.out, done.err)


def _read(exit_code: int, out: str, err: str) -> Findings:
    try:
        report: dict[str, Any] = json.loads(out)
    except ValueError:
        return Findings(exit_code=exit_code, problem=err[-300:])
    return Findings(
        exit_code=exit_code,
        causes=tuple(each["cause"] for each in report["diagnoses"]),
        reported={
            result["code"]: result["message"]
            for result in report.get("results", ())
            if result["status"] in ("fail", "warn", "error")
        },
    )
