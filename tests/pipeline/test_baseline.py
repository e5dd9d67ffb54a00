"""recording: baselines are recorded, verified, and told from what has changed around them."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_consistency_cli.checks.base import Status, Verdict
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.pipeline.baseline import Baseline, differences, read_baseline, record
from keras_consistency_cli.reporting.report import Report, Source

ROWS = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of two outputs that differ in their weights, rows, and a baseline of the first model."""
    into = tmp_path_factory.mktemp("recording")
    for seed, name in enumerate(("model", "other")):
        keras.utils.set_random_seed(seed)
        x = keras.Input((6,), name="x")
        keras.Model(x, {"file": keras.layers.Dense(3)(x), "score": keras.layers.Dense(1)(x)}).save(
            into / f"{name}.keras"
        )
    np.save(into / "x.npy", ROWS)
    assert (
        main(
            [
                "baseline",
                "record",
                str(into / "model.keras"),
                "--data",
                str(into / "x.npy"),
                "--file",
                str(into / "m.kcheck"),
            ]
        )
        == 0
    )
    return into


def verify(folder: Path, model: str, *more: str) -> int:
    return main(
        [
            "baseline",
            "verify",
            str(folder / model),
            "--data",
            str(folder / "x.npy"),
            "--file",
            str(folder / "m.kcheck"),
            *more,
        ]
    )


def test_what_is_recorded_is_what_predict_answers(folder: Path) -> None:
    found = read_baseline(folder / "m.kcheck")
    (folder / "answers.npz").write_bytes(found.answers)
    model = keras.models.load_model(folder / "model.keras")
    with np.load(folder / "answers.npz", allow_pickle=False) as answers:
        assert len(answers) == 2
        for name, values in model.predict(ROWS, verbose=0).items():
            np.testing.assert_allclose(answers[name], values, rtol=1e-5)
    assert all(found.files[name] for name in ("model", "data"))
    assert found.files["scaler"] is None


def test_who_watches_a_recording_is_told_how_far_it_is(folder: Path) -> None:
    told: list[str] = []

    class Watcher:
        def __call__(self, doing: str, /) -> None:
            told.append(doing)

        def found(self, words: str, /) -> None:
            pytest.fail("nothing is looked for")

    settings = load_settings(
        {"model": str(folder / "model.keras"), "data": str(folder / "x.npy"), "rows": "all"}, {}
    )
    assert record(settings, Watcher())[1] == len(ROWS)
    assert told[:2] == [
        "starting tensorflow and loading the model",
        "predict over the rows: 0 of 40 answered",
    ]


def test_the_same_again_is_consistent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(folder, "model.keras", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(result["code"], result["status"]) for result in told["results"]] == [("KC802", "pass")]
    assert told["notes"] == ["model, rows, scaler and environment are those of the recording"]
    assert told["subject"]["settings"]["expected"] == str(folder / "m.kcheck")


def test_a_file_may_say_what_and_reports_go_where_they_are_wanted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"model: {folder / 'model.keras'}\ndata: {folder / 'x.npy'}\nselect: [KC101]\nrequire: [KC101]\nrows: 3\n"
    (tmp_path / "k.yaml").write_text(said, encoding="utf-8")
    line = [
        "baseline",
        "verify",
        "-c",
        str(tmp_path / "k.yaml"),
        "-f",
        str(folder / "m.kcheck"),
        "--timeout",
        "300",
    ]
    assert main([*line, "--format", f"json={tmp_path / 'r.json'}", "--format", "concise"]) == 0
    assert capsys.readouterr().out.startswith("PASS KC802 recorded-outputs: ")
    told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (told["rows"], told["required"], told["subject"]["settings"]["timeout"]) == (len(ROWS), [], 300)


def test_another_model_is_told_as_such(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(folder, "other.keras") == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "note: other than recorded: model " in shown
    assert "note: answers moved, and the model is another file" in shown


def report(status: Status, **environment: str) -> Report:
    found = Report(
        version="1",
        verdicts=(Verdict(status=status, message=""),),
        model=Source(path="m", sha256="a"),
        data=Source(path="x", sha256="b"),
    )
    return replace(found, environment=environment)


@pytest.mark.parametrize(
    ("files", "environment", "notes"),
    [
        ({"model": "a", "data": "b", "scaler": None}, {"keras": "3"},
         ("answers moved although nothing that was recorded has changed: the model does not repeat itself, or what it depends on was not recorded",)),
        ({"model": "a", "data": "b", "scaler": None}, {"keras": "2", "kcheck": "0"},
         ("other than recorded: keras 2 -> 3", "answers moved although model, rows and scaler are the same files: keras moved them")),
        ({"model": "a", "data": "z", "scaler": None}, {"keras": "3"},
         ("other than recorded: data z -> b", "answers moved: the model is the same file, the data is another")),
        ({"model": "z", "data": "b", "scaler": None}, {"keras": "2"},
         ("other than recorded: model z -> a", "other than recorded: keras 2 -> 3",
          "answers moved, and the model is another file; beside it there are others: keras")),
    ],
)  # fmt: skip
def test_what_moved_answers(
    files: dict[str, str | None], environment: dict[str, str], notes: tuple[str, ...]
) -> None:
    baseline = Baseline(files=files, environment=environment, answers=b"")
    assert differences(baseline, report(Status.FAIL, keras="3")) == notes
    told = tuple(note for note in notes if note.startswith("other"))
    assert differences(baseline, report(Status.PASS, keras="3")) == (
        told or ("model, rows, scaler and environment are those of the recording",)
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("verfy m.keras -d x.npy --file a", "ACTION verfy is unknown (did you mean 'verify'?)"),
        ("record m.keras --file a", "a baseline needs rows"),
        ("verify m.keras -d x.npy --file none.kcheck", "none.kcheck: cannot be read: No such file"),
        ("verify m.keras -d x.npy --file text.kcheck", "text.kcheck: cannot be read: "),
        ("verify m.keras -d x.npy --file other.kcheck", "other.kcheck: is no baseline"),
        ("verify m.keras -d x.npy --file old.kcheck", "old.kcheck: schema is 'x'"),
        ("record m.keras -d x.npy --file m.keras", "--file m.keras would overwrite an input of this run"),
        ("record none.keras -d x.npy --file a", "none.keras: "),
        ("record m.keras -d x.npy --fil a", "unknown option --fil (did you mean '--file'?)"),
        (
            "verify m.keras -d x.npy --file good.kcheck --format json=good.kcheck",
            "--format json=good.kcheck would overwrite an input of this run",
        ),
    ],
)
def test_mistakes(
    line: str,
    message: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / "model.keras", "m.keras")
    shutil.copy(folder / "x.npy", "x.npy")
    shutil.copy(folder / "m.kcheck", "good.kcheck")
    Path("text.kcheck").write_text("text")
    for name, members in {
        "other": {"a": "b"},
        "old": {"baseline.json": '{"schema": "x"}', "answers.npz": ""},
    }.items():
        with zipfile.ZipFile(f"{name}.kcheck", "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
    assert main(["baseline", *line.split()]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.startswith(f"kcheck: {message}")) == ("", True), shown.err
