"""Gather what the site is built from: docs/, the README as its first page, and the pages of checks and
causes.

python scripts/site.py build/docs
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["first_page", "main"]

_TOP = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)#]+)\)")


def first_page(readme: str) -> str:
    """Return the README with its links led to the pages of the site; what lies outside docs/ is named instead
    of linked.
    """

    def led(found: re.Match[str]) -> str:
        said, target = found[1], found[2]
        if target.startswith("docs/"):
            return f"[{said.removeprefix('docs/')}]({target.removeprefix('docs/')})"
        return f"`{target}`" if said == target else f"{said} (`{target}`)"

    return _LINK.sub(led, readme)


def main(argv: Sequence[str] | None = None) -> int:
    """Copy and make every page into the folder that is named; what was there before is gone."""
    parser = argparse.ArgumentParser(description="Gather the pages of the site.")
    parser.add_argument("folder", type=Path, help="such as build/docs")
    into = parser.parse_args(argv).folder
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(_TOP / "docs", into)
    (into / "index.md").write_text(
        first_page((_TOP / "README.md").read_text(encoding="utf-8")), encoding="utf-8"
    )
    subprocess.run([sys.executable, str(_TOP / "scripts/pages.py"), str(into)], check=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
