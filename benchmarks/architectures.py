"""Run kcheck on architectures that other people wrote: `python -m benchmarks.architectures`.

`make architectures` installs the packages in an environment of their own and writes docs/architectures.md.
All models are healthy except those whose `expected` names a cause; every verdict must be right.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.architecture_models import ARCHITECTURES, Architecture
from benchmarks.measure import machine

__all__ = ["Verdict", "check", "format_page", "main", "read_verdict"]

_ROOT = Path(__file__).resolve().parent.parent
_DISTRIBUTIONS = {"keras_hub": "keras-hub", "keras_rs": "keras-rs", "tcn": "keras-tcn"}
_HEAD = """# Architectures that other people wrote

`make architectures` builds every model of keras.applications with random weights and small images, and small
models of keras_hub, keras_rs and keras-tcn. It runs `kcheck run model.keras --data x.npz` on each, with no
other option except `--custom-objects` for keras-tcn. A healthy model must pass without a warning. A model
with a known fault must fail with its cause.

{day}, {machine}.

{right} of {count} verdicts are right."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict of `kcheck run` on an architecture.

    `failing` and `warning` are codes; `cause` is that of the first diagnosis; `problem` says why there is no
    report.
    """

    architecture: Architecture
    exit_code: int
    failing: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    cause: str | None = None
    problem: str = ""

    @property
    def is_right(self) -> bool:
        """Whether a healthy model passed without a warning, or a faulty model failed with the right cause."""
        if self.architecture.expected:
            return self.exit_code == 1 and self.cause in self.architecture.expected
        return self.exit_code == 0 and not self.warning


def _save(name: str, folder: Path) -> None:
    """Build an architecture and save it with its rows, in a process of its own so that memory is freed."""
    architecture = next(known for known in ARCHITECTURES if known.name == name)
    model, rows = architecture.build()
    model.save(folder / "model.keras")
    np.savez(folder / "x.npz", **(rows if isinstance(rows, dict) else {model.inputs[0].name: rows}))
    if architecture.code:
        (folder / "code.py").write_text(architecture.code, encoding="utf-8")


def check(architecture: Architecture, folder: Path, *, timeout_s: float = 1800.0) -> Verdict:
    """Build the architecture in `folder`, and run the command on it."""
    folder.mkdir()
    script = ["-m", "benchmarks.architectures", "--build", architecture.name, str(folder)]
    built = _call(script, timeout_s)
    if built.returncode:
        return Verdict(architecture=architecture, exit_code=3, problem=_last_line(built.stderr))
    command = ["-m", "keras_consistency_cli", "run", str(folder / "model.keras")]
    command += ["--data", str(folder / "x.npz"), "--format", "json"]
    if architecture.code:
        command += ["--custom-objects", str(folder / "code.py")]
    try:
        done = _call(command, timeout_s)
    except subprocess.TimeoutExpired:
        return Verdict(architecture=architecture, exit_code=3, problem=f"no report within {timeout_s:.0f} s")
    finally:
        (folder / "model.keras").unlink()
    return read_verdict(architecture, done.returncode, done.stdout, done.stderr)


def _call(arguments: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=_ROOT,
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:200]


def read_verdict(architecture: Architecture, exit_code: int, stdout: str, stderr: str) -> Verdict:
    """Return the verdict in a JSON report, or the message of a command that wrote none."""
    try:
        report = json.loads(stdout)
    except ValueError:
        return Verdict(architecture=architecture, exit_code=exit_code, problem=_last_line(stderr))
    failing, warning = (
        tuple(result["code"] for result in report["results"] if result["status"] == status)
        for status in ("fail", "warn")
    )
    first = next(iter(report["diagnoses"]), {})
    return Verdict(
        architecture=architecture,
        exit_code=exit_code,
        failing=failing,
        warning=warning,
        cause=first.get("cause"),
    )


def format_page(verdicts: Sequence[Verdict], *, earlier: str = "") -> str:
    """Return the verdicts as a page of documentation.

    Args:
        verdicts: the verdicts of this run.
        earlier: the page so far; its other verdicts are kept if machine and versions are the same.
    """
    measured_on = ", ".join(f"{name} {value}" for name, value in {**machine(), **_versions()}.items())
    by_name = _read_lines(earlier) if f", {measured_on}.\n" in earlier else {}
    by_name |= {verdict.architecture.name: _format_line(verdict) for verdict in verdicts}
    order = {known.name: place for place, known in enumerate(ARCHITECTURES)}
    lines = [by_name[name] for name in sorted(by_name, key=lambda name: order.get(name, len(order)))]
    right = sum(line.endswith("| yes |") for line in lines)
    left_out = [name for name in order if name not in by_name]
    head = _HEAD.format(day=datetime.now(UTC).date(), machine=measured_on, right=right, count=len(lines))
    if left_out:
        head += f" Not run: {', '.join(left_out)}."
    table = ["| package | architecture | exit code | failed | warned | cause | right |", "|---" * 7 + "|"]
    return head + "\n\n" + "\n".join([*table, *lines]) + "\n"


def _read_lines(page: str) -> dict[str, str]:
    """The lines of the table on a page, by architecture."""
    lines = [line for line in page.splitlines() if line.startswith("| ") and line.count("|") == 8]
    return {line.split("|")[2].strip(): line for line in lines[1:]}


def _format_line(verdict: Verdict) -> str:
    cells = (
        verdict.architecture.package,
        verdict.architecture.name,
        str(verdict.exit_code),
        ", ".join(verdict.failing) or "-",
        ", ".join(verdict.warning) or "-",
        verdict.cause or verdict.problem.replace("|", "/") or "-",
        "yes" if verdict.is_right else "**no**",
    )
    return f"| {' | '.join(cells)} |"


def _versions() -> dict[str, str]:
    found = {}
    for distribution in _DISTRIBUTIONS.values():
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return found


def _select(only: str, names: Sequence[str]) -> list[Architecture]:
    """Return the architectures that are chosen by a part of package and name, or by name, and installed."""
    chosen = [
        known
        for known in ARCHITECTURES
        if only in f"{known.package} {known.name}" and (not names or known.name in names)
    ]
    missing = {known.package for known in chosen if importlib.util.find_spec(known.package) is None}
    for package in sorted(missing):
        print(f"{_DISTRIBUTIONS[package]} is not installed; its models are left out", file=sys.stderr)
    return [known for known in chosen if known.package not in missing]


def _check_all(chosen: Sequence[Architecture], jobs: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        places = [Path(folder) / str(number) for number in range(len(chosen))]
        verdicts = []
        for verdict in pool.map(check, chosen, places):
            verdicts.append(verdict)
            print(_format_line(verdict), file=sys.stderr, flush=True)
    return verdicts


def main(argv: list[str] | None = None) -> int:
    """Check the architectures, and print or write the table; the exit code is 1 if a verdict is wrong."""
    parser = argparse.ArgumentParser(description="Run kcheck on architectures that other people wrote.")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only those whose package or name has TEXT"
    )
    parser.add_argument("--names", nargs="+", default=(), metavar="NAME", help="only those of these names")
    parser.add_argument("--jobs", type=int, default=2, help="number of commands to run at the same time")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the table as a page, or bring that page up to date"
    )
    parser.add_argument("--build", nargs=2, metavar=("NAME", "DIR"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.build:
        _save(options.build[0], Path(options.build[1]))
        return 0
    verdicts = _check_all(_select(options.only, options.names), options.jobs)
    has_page = options.write is not None and options.write.exists()
    page = format_page(verdicts, earlier=options.write.read_text(encoding="utf-8") if has_page else "")
    print(page)
    if options.write is not None:
        options.write.write_text(page, encoding="utf-8")
    return 0 if verdicts and all(verdict.is_right for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
