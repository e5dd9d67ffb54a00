"""Run the console blocks of a Markdown page, in order, and write what they print back into it.

    python scripts/transcripts.py docs/tutorial.md            compare; exit 1 where a block prints something
    else than the page says python scripts/transcripts.py docs/tutorial.md --write    write

The page names the sample that it works on in a comment, `<!-- works in sample_models/NAME -->`; its files are
copied to a temporary folder, so that what the page does to them stays there. Lines of a block that begin with
`$ ` are run by bash, those that follow are what is printed. Times are left out of the comparison.
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
    """Return the commands of a console block: lines that begin with "$ ", with those that a backslash
    continues.
    """
    joined = block.replace("\\\n", "\0")
    return [line[2:].replace("\0", "\\\n") for line in joined.splitlines() if line.startswith("$ ")]


def without_times(text: str) -> str:
    """Return text with durations taken out, for they differ from run to run; what was wrapped around them may
    differ too.
    """
    return " ".join(_TIMES.sub("", text).split())


def follow(page: str, folder: Path) -> str:
    """Return the page with every console block run in `folder` and its output renewed.

    Args:
        page: Markdown.
        folder: where the commands run; what one of them writes, the next one finds.
    """

    def renewed(found: re.Match[str]) -> str:
        return (
            "```console\n" + "".join(_answered(command, folder) for command in commands_of(found[1])) + "```"
        )

    return _BLOCK.sub(renewed, page)


def _answered(command: str, folder: Path) -> str:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    look = {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PATH": tools}
    line = ["bash", "-c", command]
    done = subprocess.run(
        line,
        cwd=folder,
        env={**os.environ, **look},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return f"$ {command}\n{done.stdout.decode()}"


def _copied(page: str, into: Path) -> Path:
    place = _PLACE.search(page)
    if place is None:
        return into
    return Path(shutil.copytree(_TOP / place[1], into / "work"))


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the page with what its commands print now, or write it anew."""
    parser = argparse.ArgumentParser(description="Run the console blocks of a Markdown page.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--write", action="store_true", help="write what was printed into the page")
    chosen = parser.parse_args(argv)
    before = chosen.page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        after = follow(before, _copied(before, Path(folder)))
    if chosen.write:
        chosen.page.write_text(after, encoding="utf-8")
        return 0
    same = without_times(before) == without_times(after)
    print(
        "the page says what its commands print"
        if same
        else f"{chosen.page} is out of date: python scripts/transcripts.py {chosen.page} --write"
    )
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
