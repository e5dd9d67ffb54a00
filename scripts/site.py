"""Collect the pages of the site: docs/, the README as first page, and the pages of checks and causes.

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
    """Return the README with links to the pages of the site.

    A link to a file outside docs/ becomes the name of the file.
    """

    def adapt(link: re.Match[str]) -> str:
        text, target = link[1], link[2]
        if target.startswith("docs/"):
            return f"[{text.removeprefix('docs/')}]({target.removeprefix('docs/')})"
        return f"`{target}`" if text == target else f"{text} (`{target}`)"

    return _LINK.sub(adapt, readme)


def main(argv: Sequence[str] | None = None) -> int:
    """Write every page into the given folder, which is emptied first."""
    parser = argparse.ArgumentParser(description="Collect the pages of the site.")
    parser.add_argument("folder", type=Path, help="folder to write, such as build/docs; it is emptied first")
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
