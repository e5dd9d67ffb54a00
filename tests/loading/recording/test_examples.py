"""Each example under examples/ serves and records; kcheck takes the recording and finds the planted fault."""

from __future__ import annotations

import json
import runpy
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.api.check import check
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.recording_layout import recorded_parts
from tests.helpers.in_process import SharedForkServer, run_in_process

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
RAW = np.random.default_rng(0).normal([10.0, 200.0, -5.0], [2.0, 50.0, 1.0], size=(60, 3))
SIZES = (7, 1, 12, 5, 3)

Ask = Callable[[np.ndarray], object]


class Refitting(StandardScaler):
    """A scaler that serving fits again."""

    def transform(self, rows: np.ndarray, copy: bool | None = None) -> np.ndarray:
        return StandardScaler().fit_transform(rows)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files that the examples need."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)]
    )
    model.save(tmp_path / "model.keras")
    joblib.dump(StandardScaler().fit(RAW), tmp_path / "scaler.joblib")
    np.save(tmp_path / "new_rows.npy", RAW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def requests() -> list[np.ndarray]:
    ends = np.cumsum(SIZES * 2)
    return [rows for rows in np.split(RAW, ends[ends < len(RAW)]) if len(rows)]


def ask_script(module: dict[str, Any]) -> Ask:
    def ask(rows: np.ndarray) -> None:
        np.save("new_rows.npy", rows)
        module["main"]()

    return ask


def ask_fastapi(module: dict[str, Any]) -> Ask:
    client = pytest.importorskip("fastapi.testclient").TestClient(module["app"])
    return lambda rows: client.post("/predict", json={"rows": rows.tolist()}).raise_for_status()


def ask_flask(module: dict[str, Any]) -> Ask:
    client = module["app"].test_client()

    def ask(rows: np.ndarray) -> None:
        assert client.post("/predict", json={"rows": rows.tolist()}).status_code == 200

    return ask


def serve_rest(model: Any) -> HTTPServer:
    """Answer as TF Serving does: `:predict` in row form."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            outputs = model.predict(np.array(body["instances"], "float32"), verbose=0)
            answer = json.dumps({"predictions": outputs.tolist()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


EXAMPLE_CLIENTS: dict[str, tuple[str, Callable[[dict[str, Any]], Ask], str]] = {
    "record_script": ("", ask_script, "predict"),
    "record_fastapi": ("fastapi", ask_fastapi, "model"),
    "record_flask": ("flask", ask_flask, "model"),
}


@pytest.mark.parametrize(
    ("name", "faulty"), [(name, False) for name in EXAMPLE_CLIENTS] + [("record_script", True)]
)
def test_example_records_what_kcheck_needs(
    name: str, faulty: bool, folder: Path, shared_fork_server: SharedForkServer
) -> None:
    needed, client, recorded = EXAMPLE_CLIENTS[name]
    if needed:
        pytest.importorskip(needed)
    module = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    if faulty:
        handler = module["main" if name == "record_script" else "predict"]
        handler.__globals__["scaler"] = Refitting().fit(RAW)
    ask = client(module)
    for rows in requests():
        ask(rows)
    module[recorded].recorder.save()
    assert module[recorded].recorder.errors == 0
    examined(folder, shared_fork_server, faulty=faulty)


def test_client_of_tf_serving_records_what_it_sends(
    folder: Path, shared_fork_server: SharedForkServer
) -> None:
    server = serve_rest(keras.models.load_model("model.keras"))
    try:
        module = runpy.run_path(str(EXAMPLES / "record_tf_serving.py"))
        module["score"].__globals__["URL"] = f"http://127.0.0.1:{server.server_port}/v1/models/model:predict"
        for rows in requests():
            module["score"](rows)
        module["predict"].recorder.save()
    finally:
        server.shutdown()
        server.server_close()
    examined(folder, shared_fork_server, faulty=False)


def examined(folder: Path, fork_server: SharedForkServer, *, faulty: bool) -> None:
    """Check the recording, and that only KC301 fails if the service refits."""
    assert recorded_parts(folder / "served.npz") == {"raw", "served", "outputs"}
    done = run_in_process(
        *("run", str(folder / "model.keras"), "--scaler", str(folder / "scaler.joblib")),
        *("--served", str(folder / "served.npz"), "--select", "KC301,KC802", "--format", "json"),
        fork_server=fork_server,
    )
    report = json.loads(done.out)
    assert {one["code"]: one["status"] for one in report["results"]} == {
        "KC301": "fail" if faulty else "pass",
        "KC802": "pass",
    }
    causes = [(one["cause"], one["confidence"]) for one in report["diagnoses"]]
    assert causes == ([("scaler-refit", "confirmed")] if faulty else [])
    if faulty:
        kinds = {
            each["kind"]
            for one in report["results"]
            if one["code"] == "KC301"
            for match in one["findings"]["served"].values()
            for each in match["mistakes"]
        }
        assert kinds == {"refit-requests"}


def test_recording_without_raw_rows_needs_data(folder: Path, shared_fork_server: SharedForkServer) -> None:
    from keras_consistency_cli import record

    model = record(lambda rows: rows[:, :2], "served.npz")
    model(RAW.astype("float32"))
    model.recorder.save()
    line = "run model.keras --scaler scaler.joblib --served served.npz --select KC301"
    done = run_in_process(*line.split(), fork_server=shared_fork_server)
    assert done.code == 2
    assert "record.raw" in done.err


def test_outputs_of_another_model_fail(folder: Path) -> None:
    """Without a scaler the fed rows are the data; the recorded outputs are those of a different model."""
    from keras_consistency_cli import record

    model = record(lambda rows: rows[:, :2] * 3, "served.npz")
    model(RAW.astype("float32"))
    model.recorder.save()
    report = check("model.keras", served="served.npz", select="KC802")
    assert [verdict.status for verdict in report.verdicts] == [Status.FAIL]
