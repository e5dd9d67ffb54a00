"""Run kcheck on a healthy sample and on a faulty one, so that both reports are seen: `make demo`.

    python scripts/demo.py                     show both reports and their exit codes
    python scripts/demo.py --write README.md   draw them into docs/images, and put the table of checks between
    the README's markers

The exit code is 0 when kcheck said of both what their expected.yaml says, although the faulty one makes
kcheck exit with 1.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from pictures import COLUMNS, drawn, read

from keras_consistency_cli.checks.registry import CHECKS

__all__ = [
    "DEMO",
    "IMAGES",
    "README_REPORTS",
    "Showing",
    "captured",
    "checks_table",
    "drawn",
    "filled",
    "main",
    "read",
]

_TOP = Path(__file__).resolve().parent.parent
SAMPLES, IMAGES = _TOP / "sample_models", _TOP / "docs" / "images"


@dataclass(frozen=True, kw_only=True)
class Showing:
    """One sample to show, and further arguments for kcheck."""

    sample: str
    more: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the sample lies; kcheck is run there."""
        return SAMPLES / self.sample

    @property
    def arguments(self) -> list[str]:
        """kcheck's arguments, those that expected.yaml asks for included."""
        data = "data.npz" if (self.folder / "data.npz").exists() else "data.npy"
        given = self.expected["args"]
        assert isinstance(given, list)
        return ["run", "model.keras", "--data", data, *map(str, given), *self.more]

    @property
    def line(self) -> str:
        """The command as a reader would type it at the top of a clone."""
        return f"cd {SAMPLES.name}/{self.sample} && kcheck {shlex.join(self.arguments)}"

    @property
    def expected(self) -> Mapping[str, object]:
        """What expected.yaml says of the sample."""
        content: dict[str, object] = yaml.safe_load(
            (SAMPLES / self.sample / "expected.yaml").read_text(encoding="utf-8")
        )
        return content


DEMO = (Showing(sample="healthy-mlp"), Showing(sample="batchnorm-training-inside"))
README_REPORTS: Mapping[str, Showing] = {
    "passing": DEMO[0],
    "failing": Showing(sample="batchnorm-training-inside", more=("--select", "KC101,KC103")),
}
"""By the name of its picture in docs/images."""


def show(showing: Showing) -> bool:
    """Run kcheck on one sample, its report going straight to the terminal; return whether the exit code was
    the expected one.
    """
    print(f"$ {showing.line}", flush=True)
    done = subprocess.run(_command(showing), cwd=showing.folder, check=False)
    as_expected = done.returncode == showing.expected["exit_code"]
    print(f"exit code {done.returncode}, {'as expected' if as_expected else 'NOT as expected'}\n", flush=True)
    return as_expected


def captured(showing: Showing, folder: Path | None = None) -> tuple[str, int]:
    """Return what a colour terminal would show of the command, line and exit code included, with its ANSI
    sequences; and the exit code.

    Args:
        showing: what to run.
        folder: where the sample was built; without it beside its expected.yaml.
    """
    look = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(_TOP)}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "NO_COLOR" and not name.startswith("KCHECK_")
    }
    done = subprocess.run(
        _command(showing),
        cwd=folder or showing.folder,
        env={**kept, **look},
        check=False,
        stdout=subprocess.PIPE,
    )
    return f"$ {showing.line}\n{done.stdout.decode().rstrip()}\n$ echo $?\n{done.returncode}", done.returncode


def _command(showing: Showing) -> list[str]:
    return [sys.executable, "-m", "keras_consistency_cli", *showing.arguments]


def checks_table() -> str:
    """Return the checks as a Markdown table, from the same source as `kcheck list`."""
    rows = (f"| {check.code} | {check.name} | {check.title} |" for check in CHECKS)
    return "\n".join(("| code | name | what it checks |", "|---|---|---|", *rows))


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """Return the text with what stands between `<!-- name -->` and `<!-- /name -->` replaced, for every
    block.

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


def _write(path: Path) -> bool:
    """Draw both reports, and put the table of checks into the file; say whether the exit codes were the
    expected ones.
    """
    IMAGES.mkdir(exist_ok=True)
    met = True
    for name, showing in README_REPORTS.items():
        text, code = captured(showing)
        (IMAGES / f"{name}.svg").write_text(drawn(text, name=name, title=showing.sample), encoding="utf-8")
        met &= code == showing.expected["exit_code"]
    path.write_text(filled(path.read_text(encoding="utf-8"), {"checks": checks_table()}), encoding="utf-8")
    return met


def main(argv: Sequence[str] | None = None) -> int:
    """Show the demo, or write it into the README."""
    parser = argparse.ArgumentParser(description="Run kcheck on a healthy sample and on a faulty one.")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="draw both reports, and put the table of checks between this file's markers",
    )
    chosen = parser.parse_args(argv)
    missing = [showing.sample for showing in DEMO if not (showing.folder / "model.keras").exists()]
    if missing:
        parser.error(f"{', '.join(missing)} not built yet; 'make samples' builds them")
    as_expected = [show(showing) for showing in DEMO] if chosen.write is None else [_write(chosen.write)]
    return 0 if all(as_expected) else 1


if __name__ == "__main__":
    raise SystemExit(main())
