"""`kcheck code`: exit codes, formats, rules that are selected, and [tool.kcheck.code]."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.code_settings import CODE_FORMATS
from keras_consistency_cli.reporting.code.render import CODE_RENDERERS

FAULT = """import numpy as np
from flask import Flask, request
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")


@app.post("/predict")
def predict():
    scaler = StandardScaler()
    rows = scaler.fit_transform(np.array(request.json["rows"]))
    return {"outputs": model(rows).numpy().tolist()}
"""
CLEAN = FAULT.replace("scaler.fit_transform(", "(").replace("model(rows).numpy()", "model.predict(rows)")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "serve.py").write_text(FAULT, encoding="utf-8")
    (tmp_path / "clean.py").write_text(CLEAN, encoding="utf-8")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["code", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def findings(out: str) -> list[str]:
    return [finding["code"] for finding in json.loads(out)["findings"]]


def test_the_terminal_report(capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion) -> None:
    code, out, _ = run(capsys, "serve.py", "clean.py")
    assert (code, out) == (1, wording)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["serve.py"], 1),
        (["clean.py"], 0),
        (["."], 1),
        (["serve.py", "--exit-zero"], 0),
        (["serve.py", "--ignore", "KS101"], 0),
        (["serve.py", "--select", "training-not-stated"], 0),
        (["serve.py", "--select", "KS1,KS4"], 1),
        (["missing.py"], 2),
        (["serve.py", "--select", "KS999"], 2),
        (["serve.py", "--ignore", "KS"], 2),
        (["serve.py", "--format", "pdf"], 2),
        (["serve.py", "--format", "json", "--format", "sarif"], 2),
        (["serve.py", "--fail-on", "never"], 2),
        (["serve.py", "--model", "missing.keras"], 2),
        (["serve.py", "--output", "serve.py"], 2),
        ([], 2),
    ],
)
def test_exit_codes(capsys: pytest.CaptureFixture[str], arguments: list[str], expected: int) -> None:
    assert run(capsys, *arguments)[0] == expected


def test_nothing_readable_is_no_verdict(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "broken.py").write_text("load_model(:\n", encoding="utf-8")
    assert run(capsys, "broken.py")[0] == 3
    assert run(capsys, "broken.py", "clean.py")[0] == 0


def test_every_format_has_a_renderer() -> None:
    assert tuple(CODE_RENDERERS) == CODE_FORMATS


def test_json_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "serve.py", "--format", "json")
    document = json.loads(out)
    assert (document["schema"], document["exit_code"], document["files"]) == ("kcheck.code/1", 1, 1)
    first = document["findings"][0]
    assert (first["path"], first["line"], first["column"], first["code"]) == ("serve.py", 13, 12, "KS101")
    assert set(first) == {
        "path",
        "cell",
        "line",
        "column",
        "code",
        "name",
        "severity",
        "message",
        "fix",
        "source",
    }


def test_sarif_names_rule_and_region(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "serve.py", "--format", "sarif")
    (sarif_run,) = json.loads(out)["runs"]
    result = sarif_run["results"][0]
    rules = sarif_run["tool"]["driver"]["rules"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "KS101"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"]) == (13, 12)


def test_junit_counts_failures(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "serve.py", "--format", "junit")
    root = ElementTree.fromstring(out.partition("\n")[2])
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    _, out, _ = run(capsys, "clean.py", "--format", "junit")
    assert ElementTree.fromstring(out.partition("\n")[2]).get("tests") == "1"


def test_github_annotates_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "serve.py", "--format", "github")
    assert out.startswith("::error file=serve.py,line=13,col=12,title=KS101 refit-when-serving::")


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_pages_have_every_finding_with_its_place(
    capsys: pytest.CaptureFixture[str], folder: Path, form: str
) -> None:
    (folder / "broken.py").write_text("load_model(:\n", encoding="utf-8")
    code, out, _ = run(capsys, "serve.py", "broken.py", "--format", form)
    assert code == 1
    assert all(each in out for each in ("serve.py:13:12", "KS101", "KS403", "broken.py"))


def test_a_page_escapes_code(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "serve.py").write_text(FAULT.replace('"rows"', '"<b>rows</b>"'), encoding="utf-8")
    _, out, _ = run(capsys, "serve.py", "--format", "html")
    assert "&lt;b&gt;" in out
    assert "<b>" not in out


def test_text_of_the_code_cannot_forge_a_report(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    hostile = FAULT.replace('request.json["rows"]', 'request.json["\\x1b[2J::error::\\u202e"]')
    hostile = hostile.replace("scaler.fit", "scaler\\\n    .fit").replace("\\\n    .fit", ".fit")
    (folder / "serve.py").write_text(hostile.replace("::error::", "\u202e::error::\x1b"), encoding="utf-8")
    for form in CODE_FORMATS:
        _, out, _ = run(capsys, "serve.py", "--format", form)
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_a_report_goes_to_its_file(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, _ = run(capsys, "serve.py", "--format", "sarif=code.sarif", "--format", "concise")
    assert code == 1
    assert json.loads((folder / "code.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert out.splitlines()[0].startswith("serve.py:13:12: KS101 refit-when-serving: ")


def test_pyproject_gives_settings(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.kcheck]\nrows = 8\n[tool.kcheck.code]\nignore = ["KS1"]\nfail_on = "warn"\nformat = "json"\n',
        encoding="utf-8",
    )
    code, out, _ = run(capsys, "serve.py")
    assert (code, findings(out)) == (0, ["KS403"])
    code, out, _ = run(capsys, "serve.py", "--ignore", "KS4")
    assert (code, findings(out)) == (1, ["KS101"])


@pytest.mark.parametrize(
    "table",
    ['selct = ["KS1"]', "select = 3", 'fail_on = "never"', 'format = "json=x.json"', "ignore = [1]"],
)
def test_a_wrong_table_names_its_line(capsys: pytest.CaptureFixture[str], folder: Path, table: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.kcheck.code]\n{table}\n", encoding="utf-8")
    code, _, err = run(capsys, "serve.py")
    assert code == 2
    assert "pyproject.toml:2" in err


def test_rules_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--code"]) == 0
    assert capsys.readouterr().out.startswith("KS101  refit-when-serving ")
    assert main(["explain", "ks101"]) == 0
    by_code = capsys.readouterr().out
    assert main(["explain", "refit-when-serving"]) == 0
    assert capsys.readouterr().out == by_code
    assert main(["explain", "KS199"]) == 2
    assert "KS1" in capsys.readouterr().err


def test_a_cell_that_is_not_python_is_named_and_the_rest_is_read(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    cells = [{"cell_type": "code", "source": source} for source in ("import os", "print 'old'", FAULT)]
    (folder / "work.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    code, out, _ = run(capsys, "work.ipynb", "--format", "json")
    document = json.loads(out)
    assert code == 1
    assert {each["cell"] for each in document["findings"]} == {3}
    (notice,) = document["unreadable"]
    assert notice["is_partial"]
    assert "cell 2" in notice["message"]


def test_a_notebook_read_in_part_has_a_verdict(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    cells = [{"cell_type": "code", "source": source} for source in ("load_model(:", "x = 1")]
    (folder / "work.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert run(capsys, "work.ipynb")[0] == 0
