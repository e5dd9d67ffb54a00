"""Write a page of documentation for every check, cause and rule, as `kcheck explain` prints them.

    python scripts/pages.py docs        docs/checks/*.md, docs/causes/*.md, docs/code/*.md, an index of each

Pages that no longer exist are removed; other files in those folders are not changed. The
pages are not part of the repository.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keras_consistency_cli.reporting.explain import Page, all_pages

_GENERATED = "<!-- made by scripts/pages.py -->\n"
_TITLES = {"checks": "Checks", "causes": "Causes", "code": "Rules of kcheck code"}


def written(pages: Sequence[Page], examples: Mapping[str, str]) -> Mapping[str, str]:
    """Return the text of every file, by its path below the folder of the documentation.

    `examples` are the links to examples, by the name of their check or cause.
    """
    files = {f"{page.folder}/{page.name}.md": page.markdown() + examples.get(page.name, "") for page in pages}
    for folder, title in _TITLES.items():
        lines = [f"- [{page.title}]({page.name}.md)" for page in pages if page.folder == folder]
        files[f"{folder}/index.md"] = f"# {title}\n\n" + "\n".join(lines) + "\n"
    return {name: _GENERATED + text for name, text in files.items()}


def _find_examples(into: Path) -> Mapping[str, str]:
    """Return a link to the example of each check and cause that has one there, by its name."""
    links = {}
    for page in sorted((into / "examples").glob("*.md")):
        for heading in re.findall(r"^##+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            anchor = heading.lower().replace(" ", "-")
            links[heading.split()[0]] = f"\n[Example](../examples/{page.name}#{anchor})\n"
    return links


def write(into: Path) -> int:
    """Write every page below a folder, remove outdated pages, and return the number of pages."""
    files = written(all_pages(), _find_examples(into))
    for folder in _TITLES:
        (into / folder).mkdir(parents=True, exist_ok=True)
        for old in (into / folder).glob("*.md"):
            if f"{folder}/{old.name}" not in files and old.read_text(encoding="utf-8").startswith(_GENERATED):
                old.unlink()
    for name, text in files.items():
        (into / name).write_text(text, encoding="utf-8")
    return len(files)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages into the given folder."""
    parser = argparse.ArgumentParser(description="Write the pages of checks and causes.")
    parser.add_argument("folder", type=Path, help="folder of the documentation, such as docs")
    into = parser.parse_args(argv).folder
    print(f"{write(into)} pages in {into}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
