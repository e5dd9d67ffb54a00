"""Run kcheck on a healthy sample and on a faulty one, and show both reports: `make demo`.

    python scripts/demo.py                    show both reports and their exit codes
    python scripts/demo.py --write README.md  draw the reports of the README, and write its table of checks

Pictures are written into docs/images. The exit code is 0 if kcheck exits as each expected.yaml states; for
the faulty sample that is exit code 1.
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

from pictures import COLUMNS, draw_terminal, read_lines

from keras_consistency_cli.checks.registry import CHECKS

__all__ = [
    "DEMO",
    "IMAGES",
    "README_REPORTS",
    "Showing",
    "capture",
    "checks_table",
    "draw_terminal",
    "fill_blocks",
    "main",
    "read_lines",
]

_TOP = Path(__file__).resolve().parent.parent
SAMPLES, IMAGES = _TOP / "sample_models", _TOP / "docs" / "images"


@dataclass(frozen=True, kw_only=True)
class Showing:
    """One sample to show, and additional arguments for kcheck."""

    sample: str
    extra: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the sample, in which kcheck runs."""
        return SAMPLES / self.sample

    @property
    def arguments(self) -> list[str]:
        """The arguments of kcheck, with those of expected.yaml."""
        data = "data.npz" if (self.folder / "data.npz").exists() else "data.npy"
        given = self.expected["args"]
        assert isinstance(given, list)
        return ["run", "model.keras", "--data", data, *map(str, given), *self.extra]

    @property
    def line(self) -> str:
        """The command as a reader types it in the root of a clone."""
        return f"cd {SAMPLES.name}/{self.sample} && kcheck {shlex.join(self.arguments)}"

    @property
    def expected(self) -> Mapping[str, object]:
        """The content of the sample's expected.yaml."""
        content: dict[str, object] = yaml.safe_load(
            (SAMPLES / self.sample / "expected.yaml").read_text(encoding="utf-8")
        )
        return content


DEMO = (Showing(sample="healthy-mlp"), Showing(sample="batchnorm-training-inside"))
README_REPORTS: Mapping[str, Showing] = {
    "passing": DEMO[0],
    "failing": Showing(sample="batchnorm-training-inside", extra=("--select", "KC101,KC103")),
}
"""The reports of the README, by the name of the picture in docs/images."""


_NEXT = shlex.quote(os.path.relpath(Path(sys.executable).with_name("kcheck")))


def _next_sample() -> str:
    """Return a command for the root of the clone: the files in the folder of the sample are found by name."""
    return f"{_NEXT} {os.path.relpath(SAMPLES / 'scaler-missing' / 'model.keras')}"


def show(showing: Showing) -> bool:
    """Run kcheck on one sample in this terminal, and return whether the exit code is the expected one."""
    print(f"$ {showing.line}", flush=True)
    done = subprocess.run(_command(showing), cwd=showing.folder, check=False)
    as_expected = done.returncode == showing.expected["exit_code"]
    print(f"exit code {done.returncode}, {'as expected' if as_expected else 'NOT as expected'}\n", flush=True)
    return as_expected


def capture(showing: Showing, folder: Path | None = None) -> tuple[str, int]:
    """Return the text that a colour terminal shows for the command, with ANSI sequences, and the exit code.

    The text begins with the command line and ends with the exit code.

    Args:
        showing: the sample and arguments to run.
        folder: the folder of the built sample; by default the folder of its expected.yaml.
    """
    terminal = {
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONPATH": str(_TOP),
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "NO_COLOR" and not name.startswith("KCHECK_")
    }
    done = subprocess.run(
        _command(showing),
        cwd=folder or showing.folder,
        env={**inherited, **terminal},
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


def fill_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Return the text with each block between its markers `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: a marker is missing.
    """
    for name, block in blocks.items():
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        if opening not in text or closing not in text:
            raise ValueError(f"the text does not contain both markers {opening} and {closing}")
        pattern = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
        text = pattern.sub(lambda _found, new=f"{opening}\n{block}\n{closing}": new, text)  # type: ignore[misc]
    return text


def _write(path: Path) -> bool:
    """Draw both reports and write the table of checks; return whether exit codes are as expected."""
    IMAGES.mkdir(exist_ok=True)
    as_expected = True
    for name, showing in README_REPORTS.items():
        text, code = capture(showing)
        (IMAGES / f"{name}.svg").write_text(
            draw_terminal(text, name=name, title=showing.sample), encoding="utf-8"
        )
        as_expected &= code == showing.expected["exit_code"]
    path.write_text(
        fill_blocks(path.read_text(encoding="utf-8"), {"checks": checks_table()}), encoding="utf-8"
    )
    return as_expected


def main(argv: Sequence[str] | None = None) -> int:
    """Show the demo, or write it into the README."""
    parser = argparse.ArgumentParser(description="Run kcheck on a healthy sample and on a faulty one.")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="draw both reports, and write the table of checks between the markers of this file",
    )
    options = parser.parse_args(argv)
    missing = [showing.sample for showing in DEMO if not (showing.folder / "model.keras").exists()]
    if missing:
        parser.error(f"{', '.join(missing)} not built yet; run 'make samples'")
    as_expected = [show(showing) for showing in DEMO] if options.write is None else [_write(options.write)]
    if options.write is None:
        print(f"next, your own model:\n$ {_NEXT} path/to/model.keras")
        print(f"or a sample with a scaler, rows and served rows next to it:\n$ {_next_sample()}")
    return 0 if all(as_expected) else 1


if __name__ == "__main__":
    raise SystemExit(main())
