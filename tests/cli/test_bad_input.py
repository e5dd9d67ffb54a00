"""Bad input through the real command: the right exit code, one to three lines, and no traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.pipeline.baseline_file import SCHEMA, pack_baseline
from tests.helpers import live_models, planted
from tests.helpers.commands import Surroundings
from tests.helpers.in_process import SharedForkServer, forking_from, in_folder


@dataclass(frozen=True, kw_only=True)
class Bad:
    """Arguments of `kcheck` and the exit code."""

    line: str
    code: int


RUN = "run mlp.keras --data x.npy"
WITHOUT_BACKEND = {
    "no model given": Bad(line="run", code=2),
    "missing model": Bad(line="run mlq.keras --data x.npy", code=2),
    "directory": Bad(line="run folder --data x.npy", code=2),
    "empty file": Bad(line="run empty.keras --data x.npy", code=1),
    "empty archive": Bad(line="run no_members.keras --data x.npy", code=1),
    "truncated archive": Bad(line="run cut.keras --data x.npy", code=1),
    "hdf5 renamed": Bad(line="run old.keras --data x.npy", code=1),
    "not a zip": Bad(line="run text.keras --data x.npy", code=1),
    "zip of something else": Bad(line="run other.keras --data x.npy", code=1),
    "damaged weights": Bad(line="run flipped.keras --data x.npy", code=1),
    "lambda": Bad(line="run lambda.keras --data x.npy", code=1),
    "custom class": Bad(line="run custom.keras --data x.npy", code=1),
    "missing data": Bad(line="run mlp.keras --data y.npy", code=2),
    "object arrays": Bad(line="run mlp.keras --data object.npy", code=2),
    "zero rows": Bad(line="run mlp.keras --data zero.npy", code=2),
    "data is no array": Bad(line="run mlp.keras --data text.keras", code=2),
    "unequal lengths": Bad(line="run two.keras --data unequal.npz", code=2),
    "missing config": Bad(line=f"{RUN} --config none.yaml", code=2),
    "bad yaml": Bad(line=f"{RUN} --config broken.yaml", code=2),
    "unknown key": Bad(line=f"{RUN} --config key.yaml", code=2),
    "bad value in yaml": Bad(line=f"{RUN} --config value.yaml", code=2),
    "unknown flag": Bad(line=f"{RUN} --row 3", code=2),
    "unknown command": Bad(line="rum mlp.keras", code=2),
    "word for a command": Bad(line="check mlp.keras --quick", code=2),
    "unknown check": Bad(line=f"{RUN} --select KC999", code=2),
    "misspelt check": Bad(line=f"{RUN} --select row-odrer", code=2),
    "nothing left to check": Bad(line=f"{RUN} --select KC104 --ignore row-order", code=2),
    "nan limit": Bad(line=f"{RUN} --rtol nan --atol 0", code=2),
    "half-stated limit": Bad(line=f"{RUN} --rtol 1e-5", code=2),
    "negative limit": Bad(line=f"{RUN} --rtol 1e-5 --atol -1", code=2),
    "rows of zero": Bad(line=f"{RUN} --rows 0", code=2),
    "unknown format": Bad(line=f"{RUN} --format xml", code=2),
    "unknown backend": Bad(line=f"{RUN} --backend theano", code=2),
    "output over input": Bad(line=f"{RUN} --output x.npy", code=2),
    "unknown topic": Bad(line="explain KC999", code=2),
    "beginning of codes": Bad(line="explain kc10", code=2),
    "beginning of all codes": Bad(line="explain kc", code=2),
    "model as config": Bad(line="run mlp.keras --config mlp.keras", code=2),
    "rows as model": Bad(line="inspect x.npy", code=1),
    "rows by name as model": Bad(line="inspect typo.npz", code=1),
    "model before the routes": Bad(line="compare mlp.keras call predict", code=2),
    "baseline of other rows": Bad(line="baseline verify --file b.kcheck mlp.keras --data x.npy", code=2),
}
WITH_BACKEND = {
    "wrong rank": Bad(line="run mlp.keras --data flat.npy --select KC1", code=2),
    "wrong feature count": Bad(line="run mlp.keras --data wide.npy --select KC1", code=2),
    "wrong length": Bad(line="run lstm.keras --data short.npy --select KC1", code=2),
    "wrong dtype": Bad(line="run mlp.keras --data words.npy", code=2),
    "too few rows": Bad(line="run lstm.keras --data three.npy", code=2),
    "missing input": Bad(line="run two.keras --data half.npz", code=2),
    "one array for two inputs": Bad(line="run two.keras --data x.npy", code=2),
    "misspelt input": Bad(line="run two.keras --data typo.npz", code=2),
    "class not in the file": Bad(line="run custom.keras --custom-objects nothing.py", code=1),
    "objects that fail": Bad(line="run custom.keras --custom-objects failing.py", code=2),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files that the cases name."""
    into = tmp_path_factory.mktemp("bad")
    models(into)
    damaged(into)
    arrays(into)
    (into / "broken.yaml").write_text("rows: 8\nselect:\n  - [KC1\n  - KC2\n")
    (into / "key.yaml").write_text("rows: 8\nbatchsize: 4\n")
    (into / "value.yaml").write_text("batch_size: 4\nrows: many\n")
    (into / "nothing.py").write_text("UNITS = 3\n")
    header = {"schema": SCHEMA, "files": {}, "environment": {}}
    (into / "b.kcheck").write_bytes(pack_baseline(header, {"dense": np.zeros((3, 1), np.float32)}))
    (into / "failing.py").write_text("raise RuntimeError('no way')\n")
    return into


def models(into: Path) -> None:
    """Healthy models, and those that need a flag."""
    simple = {
        "mlp": [layers.Dense(4, activation="relu"), layers.Dense(1)],
        "lambda": [layers.Lambda(lambda x: x * 2.0, name="lambda")],
        "custom": [live_models.Leak(name="leak")],
        "trap": [planted.Trap("hang", "bare", armed=False), layers.Dense(1)],
    }
    for name, parts in simple.items():
        keras.Sequential([keras.Input((6,), name="x"), *parts]).save(into / f"{name}.keras")
    series = keras.Input((4, 3), batch_size=4, name="x")
    keras.Model(series, layers.LSTM(2, stateful=True)(series)).save(into / "lstm.keras")
    live_models.dict_inputs()[0].save(into / "two.keras")


def damaged(into: Path) -> None:
    """Files that are not models, or are damaged."""
    (into / "folder").mkdir()
    (into / "empty.keras").write_bytes(b"")
    (into / "text.keras").write_text("a,b\n1,2\n")
    whole = (into / "mlp.keras").read_bytes()
    (into / "cut.keras").write_bytes(whole[: len(whole) // 2])
    with h5py.File(into / "old.keras", "w") as old:
        old["weights"] = np.zeros(3)
    with zipfile.ZipFile(into / "no_members.keras", "w"):
        pass
    with zipfile.ZipFile(into / "other.keras", "w") as other:
        other.writestr("letter.txt", "dear reader")
    at = whole.rindex(b"\x89HDF") + 700
    (into / "flipped.keras").write_bytes(
        whole[:at] + bytes(255 - byte for byte in whole[at : at + 200]) + whole[at + 200 :]
    )


def arrays(into: Path) -> None:
    """Rows that fit, and rows that do not."""
    number = np.random.default_rng(0).normal(size=(5, 7)).astype("float32")
    fine = {
        "x": number[:, :6],
        "flat": number[:, :6].ravel(),
        "wide": number,
        "zero": number[:0, :6],
        "words": np.full((5, 6), "no"),
    }
    for name, values in {
        **fine,
        "short": np.zeros((8, 5, 3), "float32"),
        "three": np.zeros((3, 4, 3), "float32"),
    }.items():
        np.save(into / f"{name}.npy", values)
    np.save(into / "object.npy", np.array([[1, "x"], [None, 2]], dtype=object), allow_pickle=True)
    holed = np.repeat(number[:, :6], 8, axis=0)
    holed[7, 1] = np.nan
    np.save(into / "holed.npy", holed)
    np.savez(into / "half.npz", numbers=number[:, :4])
    np.savez(into / "typo.npz", nubmers=number[:, :4], ids=np.zeros((5, 2), "int32"))
    np.savez(into / "unequal.npz", numbers=number[:, :4], ids=np.zeros((4, 2), "int32"))


@pytest.fixture(scope="module")
def fork_server(folder: Path) -> Iterator[SharedForkServer]:
    """It starts in the folder, where its workers find relative paths."""
    with in_folder(folder):
        server = SharedForkServer()
    yield server
    server.end()


@pytest.fixture
def here(folder: Path, fork_server: SharedForkServer) -> Iterator[Path]:
    """The folder as the current one, and no setting from outside."""
    with in_folder(folder), forking_from(fork_server):
        yield folder


@pytest.mark.parametrize("name", [*WITHOUT_BACKEND, *WITH_BACKEND])
def test_bad_input_gets_a_short_message(
    name: str, here: Path, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    bad = (WITHOUT_BACKEND | WITH_BACKEND)[name]
    code = main(bad.line.split())
    out, err = capsys.readouterr()
    assert code == bad.code, err
    # A refused model or scaler has a report; a wrong call has none.
    assert code == 1 or not out
    assert 1 <= len(err.splitlines()) <= 3
    assert err.startswith("kcheck: ")
    assert "Traceback" not in err
    assert "internal error" not in err
    assert stable(err) == wording
    if out:
        assert len(err.splitlines()) == 1
        assert stable(out) == wording


def stable(message: str) -> str:
    """The message without the versions of Keras and kcheck."""
    return re.sub(r"(Keras|kcheck) \d+\.\d+\.\d+", r"\1 VERSION", message)


@pytest.fixture
def around(folder: Path) -> Surroundings:
    return Surroundings(folder)


@pytest.mark.parametrize("name", ["missing model", "lambda", "zero rows", "wrong feature count"])
def test_the_command_in_its_own_process_prints_the_same(
    name: str, around: Surroundings, wording: SnapshotAssertion
) -> None:
    bad = (WITHOUT_BACKEND | WITH_BACKEND)[name]
    done = around.run(*bad.line.split())
    assert done.returncode == bad.code
    assert bool(done.stdout) is (bad.code == 1), done.stdout
    assert stable(done.stderr) == wording
    assert "Traceback" not in done.stderr
    assert around.left_behind() == ([], [])


def test_debug_shows_the_traceback(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "mlq.keras", "--debug"]) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_rows_with_nan_are_reported_and_the_rest_is_checked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["run", "mlp.keras", "--data", "holed.npy", "--select", "KC104,KC701", "--format", "json"])
    out, err = capsys.readouterr()
    results = {result["code"]: result for result in json.loads(out)["results"]}
    assert (code, err) == (1, "")
    assert results["KC104"]["status"] == "pass"
    assert results["KC701"]["status"] == "fail"
    assert results["KC701"]["findings"]


@pytest.mark.parametrize("shell", [">&-", "| true"])
def test_a_reader_that_is_gone_changes_no_verdict(shell: str, around: Surroundings) -> None:
    program = shutil.which("python", path=os.path.dirname(os.sys.executable)) or "python"  # type: ignore[attr-defined]
    line = (
        f"set -o pipefail; {program} -m keras_consistency_cli run mlp.keras --data x.npy --select KC104 "
        f"{shell}"
    )
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=around.folder,
        env=around.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_ctrl_c_before_anything_was_loaded(around: Surroundings) -> None:
    process = around.start("run", "trap.keras", "--custom-objects", str(planted.__file__))
    while len(around.processes()) < 2 and process.poll() is None:
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert len(err.splitlines()) <= 1
    assert around.left_behind() == ([], [])
