"""Run kcheck on a healthy sample and on a faulty one, so that both reports are seen: `make demo`.

    python scripts/demo.py                     show both reports and their exit codes
    python scripts/demo.py --write README.md   put them, and the table of checks, between the README's markers

The exit code is 0 when kcheck said of both what their expected.yaml says, although the faulty one makes kcheck exit with 1.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from keras_consistency_cli.checks import CHECKS

__all__ = ["DEMO", "README_REPORTS", "Showing", "checks_table", "filled", "main"]

SAMPLES = Path(__file__).resolve().parent.parent / "sample_models"
_WIDTH = "80"


@dataclass(frozen=True, kw_only=True)
class Showing:
    """One sample to show, and further arguments for kcheck."""

    sample: str
    more: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the sample lies; kcheck is run there."""
        return SAMPLES / self.sample

    def arguments(self, expected: Mapping[str, object]) -> list[str]:
        """Return kcheck's arguments, those that expected.yaml asks for included."""
        data = "data.npz" if (self.folder / "data.npz").exists() else "data.npy"
        given = expected["args"]
        assert isinstance(given, list)
        return ["run", "model.keras", "--data", data, *map(str, given), *self.more]


DEMO = (Showing(sample="healthy-mlp"), Showing(sample="batchnorm-training-inside"))
README_REPORTS = (DEMO[0], Showing(sample="batchnorm-training-inside", more=("--select", "KC101,KC103")))


def show(showing: Showing, *, width: str | None = None) -> tuple[str, bool]:
    """Run kcheck on one sample; return what was printed and whether the exit code was the expected one.

    Args:
        showing: what to run.
        width: columns of a captured report; None lets the report go straight to the terminal, in colour.
    """
    expected = yaml.safe_load((showing.folder / "expected.yaml").read_text(encoding="utf-8"))
    arguments = showing.arguments(expected)
    line = f"$ cd {SAMPLES.name}/{showing.sample} && kcheck {shlex.join(arguments)}"
    if width is None:
        print(line, flush=True)
    command = [str(Path(sys.executable).with_name("kcheck")), *arguments]
    look = {} if width is None else {"COLUMNS": width, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=showing.folder, env={**os.environ, **look}, check=False, stdout=None if width is None else subprocess.PIPE)
    report = "" if done.stdout is None else done.stdout.decode().rstrip()
    return f"{line}\n{report}\n$ echo $?\n{done.returncode}", done.returncode == expected["exit_code"]


def checks_table() -> str:
    """Return the checks as a Markdown table, from the same source as `kcheck list`."""
    rows = (f"| {check.code} | {check.name} | {check.title} |" for check in CHECKS)
    return "\n".join(("| code | name | what it checks |", "|---|---|---|", *rows))


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """Return the text with what stands between `<!-- name -->` and `<!-- /name -->` replaced, for every block.

    Raises:
        ValueError: a marker is missing.
    """
    for name, block in blocks.items():
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        if opening not in text or closing not in text:
            raise ValueError(f"the markers {opening} and {closing} are not both there")
        pattern = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
        text = pattern.sub(lambda _found, new=f"{opening}\n{block}\n{closing}": new, text)  # type: ignore[misc]
    return text


def _demo() -> bool:
    met = True
    for showing in DEMO:
        printed, as_expected = show(showing)
        print(f"exit code {printed.rsplit(maxsplit=1)[-1]}, {'as expected' if as_expected else 'NOT as expected'}\n", flush=True)
        met &= as_expected
    return met


def _write(path: Path) -> bool:
    shown = {f"report {showing.sample}": show(showing, width=_WIDTH) for showing in README_REPORTS}
    blocks = {name: f"```console\n{printed}\n```" for name, (printed, _) in shown.items()}
    path.write_text(filled(path.read_text(encoding="utf-8"), {**blocks, "checks": checks_table()}), encoding="utf-8")
    return all(as_expected for _, as_expected in shown.values())


def main(argv: Sequence[str] | None = None) -> int:
    """Show the demo, or write it into the README."""
    parser = argparse.ArgumentParser(description="Run kcheck on a healthy sample and on a faulty one.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write both reports and the table of checks between the markers of this file")
    chosen = parser.parse_args(argv)
    missing = [showing.sample for showing in DEMO if not (showing.folder / "model.keras").exists()]
    if missing:
        parser.error(f"{', '.join(missing)} not built yet; 'make samples' builds them")
    return 0 if (_demo() if chosen.write is None else _write(chosen.write)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
