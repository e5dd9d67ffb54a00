"""`kcheck run --code`: lines of code under the cause that they explain, and notes about the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_consistency_cli.checks.code.files import ModelFacts
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.reporting.code import places
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.render import RENDERERS
from keras_consistency_cli.reporting.report import Report

CODE = """import numpy as np
from flask import Flask, request
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")


@app.post("/predict")
def predict():
    rows = StandardScaler().fit_transform(np.array(request.json["rows"]))
    return {"class": int(np.argmax(model.predict(rows), axis=0)[0])}
"""


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "read_model", lambda path: ModelFacts(path=str(path)))
    monkeypatch.chdir(tmp_path)
    Path("serve.py").write_text(CODE, encoding="utf-8")
    return Path("serve.py")


def caused(make_report: Callable[..., Report], cause: str) -> Report:
    return make_report(diagnoses=(Diagnosis(cause=cause, severity="fail", sentence="It is wrong."),))


def test_the_line_is_under_its_cause(make_report: Callable[..., Report], serve: Path) -> None:
    report = places.join_code(caused(make_report, "scaler-refit"), [serve])
    (diagnosis,) = report.diagnoses
    assert [(place.path, place.line, place.rule) for place in diagnosis.code] == [("serve.py", 12, "KS101")]
    assert [note for note in report.notes if "KS101" in note] == []


def test_other_faults_are_notes(make_report: Callable[..., Report], serve: Path) -> None:
    report = places.join_code(caused(make_report, "outputs-stuck"), [serve])
    assert [diagnosis.code for diagnosis in report.diagnoses] == [()]
    assert [note.partition(" ")[0] for note in report.notes] == ["serve.py:12", "serve.py:13"]


def test_a_note_names_the_cell_of_a_notebook(make_report: Callable[..., Report], serve: Path) -> None:
    cells = [{"cell_type": "code", "source": "x = 1"}, {"cell_type": "code", "source": CODE}]
    notebook = Path("serve.ipynb")
    notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    report = places.join_code(make_report(), [notebook])
    assert [note.partition(" KS")[0] for note in report.notes] == [
        "serve.ipynb:cell 2:12",
        "serve.ipynb:cell 2:13",
    ]


@pytest.mark.parametrize("form", ["terminal", "concise", "json", "github", "markdown", "html"])
def test_every_format_for_people_names_the_line(
    make_report: Callable[..., Report], serve: Path, form: str
) -> None:
    report = places.join_code(caused(make_report, "scaler-refit"), [serve])
    text = RENDERERS[form](report, Canvas())
    if form == "json":
        (place,) = json.loads(text)["diagnoses"][0]["code"]
        assert (place["path"], place["line"], place["rule"]) == ("serve.py", 12, "KS101")
    else:
        assert "serve.py:12 KS101" in text


def test_a_missing_file_is_refused(make_report: Callable[..., Report], serve: Path) -> None:
    with pytest.raises(UsageError):
        places.join_code(make_report(), [serve.with_name("server.py")])
