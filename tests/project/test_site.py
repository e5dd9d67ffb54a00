"""scripts/site.py writes every page of the site, and all links between pages are valid."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as mkdocs reads them."""
    into = tmp_path_factory.mktemp("site") / "docs"
    subprocess.run(
        [sys.executable, str(ROOT / "scripts/site.py"), str(into)], check=True, capture_output=True
    )
    return into


def pages_of(entry: Any) -> list[str]:
    """Return the files that a part of the navigation names."""
    if isinstance(entry, str):
        return [entry]
    return [
        page for part in (entry.values() if isinstance(entry, dict) else entry) for page in pages_of(part)
    ]


def test_the_navigation_names_all_existing_pages(site: Path) -> None:
    named = pages_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert [page for page in named if not (site / page).exists()] == []
    written = {str(page.relative_to(site)) for page in site.glob("*.md")}
    assert written - set(named) == set()


def test_links_refer_to_existing_pages(site: Path) -> None:
    broken = []
    for page in site.rglob("*.md"):
        text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
        broken += [f"{page.name}: {target}" for target in targets if not (page.parent / target).exists()]
    assert broken == []


def test_the_first_page_is_the_readme_with_adapted_links(site: Path) -> None:
    page = (site / "index.md").read_text(encoding="utf-8")
    assert page.startswith("# kcheck\n")
    assert "](docs/" not in page
    assert "[exit-codes.md](exit-codes.md)" in page
    assert "`configs/default.yaml`" in page
