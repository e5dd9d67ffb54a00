"""Run the console blocks of a Markdown page in order, and compare or update the output in the page.

    python scripts/transcripts.py docs/tutorial.md          compare; exit 1 if an output differs
    python scripts/transcripts.py docs/tutorial.md --write  update the page

A comment of the page, `<!-- works in sample_models/NAME -->`, names its sample. The commands run in a
temporary copy of that folder. Lines of a block that begin with `$ ` are run by bash; the lines that follow
are the output. Durations are not compared.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["commands_of", "follow", "main", "without_times"]

_TOP = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PLACE = re.compile(r"<!-- works in (\S+) -->")
_TIMES = re.compile(r"\b\d+(\.\d+)? (ms|µs|s)\b|\b\d+ × quicker")


def commands_of(block: str) -> list[str]:
    """Return the commands of a console block: lines that begin with "$ ", with their continuation lines."""
    joined = block.replace("\\\n", "\0")
    return [line[2:].replace("\0", "\\\n") for line in joined.splitlines() if line.startswith("$ ")]


def without_times(text: str) -> str:
    """Return the text without durations and line breaks, because both differ from run to run."""
    return " ".join(_TIMES.sub("", text).split())


def follow(page: str, folder: Path) -> str:
    """Run every console block in `folder` and return the page with the new outputs.

    Args:
        page: the Markdown text.
        folder: the working directory of all commands.
    """

    def update(block: re.Match[str]) -> str:
        return (
            "```console\n"
            + "".join(_run_command(command, folder) for command in commands_of(block[1]))
            + "```"
        )

    return _BLOCK.sub(update, page)


def _run_command(command: str, folder: Path) -> str:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    terminal = {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PATH": tools}
    line = ["bash", "-c", command]
    done = subprocess.run(
        line,
        cwd=folder,
        env={**os.environ, **terminal},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return f"$ {command}\n{done.stdout.decode()}"


def _copy_sample(page: str, into: Path) -> Path:
    place = _PLACE.search(page)
    if place is None:
        return into
    return Path(shutil.copytree(_TOP / place[1], into / "work"))


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the page with the output of its commands, or update it."""
    parser = argparse.ArgumentParser(description="Run the console blocks of a Markdown page.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--write", action="store_true", help="write the output into the page")
    options = parser.parse_args(argv)
    before = options.page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        after = follow(before, _copy_sample(before, Path(folder)))
    if options.write:
        options.page.write_text(after, encoding="utf-8")
        return 0
    same = without_times(before) == without_times(after)
    print(
        f"{options.page} is up to date"
        if same
        else f"{options.page} is out of date: python scripts/transcripts.py {options.page} --write"
    )
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
