"""`kcheck code` finds nothing in the code of docs/serving.md, and every block is about a model."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from keras_consistency_cli.checks.code.analysis import analyse

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serving.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_nothing_is_found_in_the_code_of_the_page(block: str, tmp_path: Path) -> None:
    ast.parse(block)
    path = tmp_path / "serve.py"
    path.write_text(block, encoding="utf-8")
    report = analyse([path])
    assert report.notices == ()
    assert [f"{each.code} {each.line}: {each.message}" for each in report.findings] == []


def test_the_page_has_code_for_each_part() -> None:
    assert len(BLOCKS) >= 6
