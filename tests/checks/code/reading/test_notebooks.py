"""Notebooks: cells with code, without magic commands; findings name the cell among all cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_consistency_cli.checks.code.analysis import analyse
from keras_consistency_cli.checks.code.reading.notebooks import read_notebook


def notebook(*cells: str) -> bytes:
    sources = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "x"}, *sources]}).encode()


def test_magic_commands_become_pass() -> None:
    lines, places = read_notebook(
        notebook("%time x = 1\nfiles = !ls\n!pip install a\nmodel?", "%%bash\nls", "pip install a\nx = 2")
    )
    assert lines == ["pass", "files = None", "pass", "pass", "pass", "pass", "pass", "x = 2"]
    assert (places[1], places[8]) == ((2, 1), (4, 2))


def test_a_line_separator_in_a_text_ends_no_line() -> None:
    lines, _ = read_notebook(notebook("name = 'a\u2028b'\nx = 1"))
    assert lines == ["name = 'a\u2028b'", "x = 1"]


def test_a_line_that_continues_an_expression_is_no_magic_command() -> None:
    cell = "print('loss %f'\n      % model.evaluate(x))"
    assert read_notebook(notebook(cell))[0] == cell.split("\n")


def test_findings_name_the_cell(tmp_path: Path) -> None:
    path = tmp_path / "serve.ipynb"
    path.write_bytes(
        notebook(
            "import numpy as np\nfrom keras.models import load_model\nmodel = load_model('m.keras')",
            "this is not Python",
            "x = np.array([[1.0]])\nprint(model(x, training=True))",
        )
    )
    (finding,) = analyse([path]).findings
    assert (finding.code, finding.cell, finding.line) == ("KS404", 4, 2)


def test_a_second_place_is_named_by_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "serve.ipynb"
    path.write_bytes(
        notebook(
            "import numpy as np\nfrom PIL import Image\nfrom keras.models import load_model",
            "model = load_model('m.keras')\nx = np.array(Image.open('a.png')) / 255.0",
            "print(model.predict((x / 255.0)[None]))",
        )
    )
    (finding,) = analyse([path]).findings
    assert (finding.code, finding.cell, finding.line) == ("KS301", 4, 1)
    assert finding.message.endswith("in cell 3, line 2")


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"cells": 1} load_model', b"\xff load_model", b"[" * 100_000]
)
def test_other_files_are_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "serve.ipynb"
    path.write_bytes(content + b" load_model")
    assert len(analyse([path]).notices) == 1
