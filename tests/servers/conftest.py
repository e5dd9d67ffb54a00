"""Real servers, in an environment of their own, on the loopback interface."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".venv-servers"
MODELS = {
    "healthy": ("Served", 0),
    "batched": ("Served", 16),
    "rounding": ("Rounding", 0),
    "reordered": ("Reordered", 0),
    "centring": ("Centring", 16),
}
"""The class of each served model, and how many rows of different requests make one batch."""
COLUMNS = 4
START_S = 120.0
"""Seconds in which the server has to be ready."""


@pytest.fixture(scope="session")
def server_environment() -> Path:
    """The folder with the commands of the servers, installed by the first test process in about a minute."""
    requirements = HERE / "requirements.txt"
    installed, text = ENVIRONMENT / "installed.txt", requirements.read_text(encoding="utf-8")
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text(encoding="utf-8") != text:
            python = ENVIRONMENT / "bin" / "python"
            # The pip of the tests installs into it: to unpack one of its own takes seconds.
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", ENVIRONMENT], check=True)
            pip = [sys.executable, "-m", "pip", "--python", python, "install"]
            pip += ["-q", "--no-compile", "--disable-pip-version-check", "-r", requirements]
            subprocess.run(pip, check=True, capture_output=True)
            installed.write_text(text, encoding="utf-8")
    return ENVIRONMENT / "bin"


@pytest.fixture(scope="module")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as a .keras file, its rows, and the folder of each served model."""
    folder = tmp_path_factory.mktemp("served")
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(2, name="score")]
    model = keras.Sequential([keras.Input((COLUMNS,), name="features"), *layers])
    model.save(folder / "model.keras")
    np.save(folder / "x.npy", np.random.default_rng(2).normal(size=(64, COLUMNS)).astype("float32"))
    for name, (implementation, batch_size) in MODELS.items():
        (folder / name).mkdir()
        shutil.copy(HERE / "served_model.py", folder / name)
        np.savez(folder / name / "weights.npz", allow_pickle=False, **_named(model.get_weights()))
        (folder / name / "model-settings.json").write_text(
            json.dumps(_settings(name, implementation, batch_size))
        )
    return folder


def _named(weights: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"w{number}": values for number, values in enumerate(weights)}


def _settings(name: str, implementation: str, batch_size: int) -> dict[str, object]:
    return {
        "name": name,
        "implementation": f"served_model.{implementation}",
        "max_batch_size": batch_size,
        "max_batch_time": 0.05 if batch_size else 0.0,
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, COLUMNS]}],
        "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 2]}],
    }


@pytest.fixture(scope="module")
def mlserver(server_environment: Path, served_folder: Path) -> Iterator[str]:
    """The address of a running MLServer."""
    ports = _free_ports(3)
    names = ("http_port", "grpc_port", "metrics_port")
    settings = {**dict(zip(names, ports, strict=True)), "host": "127.0.0.1", "parallel_workers": 0}
    (served_folder / "settings.json").write_text(json.dumps(settings))
    address = f"http://127.0.0.1:{ports[0]}"
    ready = [f"{address}/v2/models/{name}/ready" for name in MODELS]
    command = [server_environment / "mlserver", "start", served_folder]
    with _running(command, ready, served_folder / "server.log"):
        yield address


@pytest.fixture(scope="module")
def kserve(server_environment: Path, served_folder: Path) -> Iterator[str]:
    """The address of a running KServe, whose models are "healthy" and "reordered"."""
    (port,) = _free_ports(1)
    address = f"http://127.0.0.1:{port}"
    shutil.copy(served_folder / "healthy" / "weights.npz", served_folder)
    ready = [f"{address}/v2/models/{name}/ready" for name in ("healthy", "reordered")]
    command = [server_environment / "python", HERE / "kserve_app.py", served_folder, str(port)]
    with _running(command, ready, served_folder / "server.log"):
        yield address


@pytest.fixture(scope="module")
def planted_app(server_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of uvicorn with the application of planted_app.py."""
    (port,) = _free_ports(1)
    address = f"http://127.0.0.1:{port}"
    options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    command = [server_environment / "uvicorn", "tests.servers.planted_app:app", *options]
    with _running(command, [f"{address}/ready"], tmp_path_factory.mktemp("uvicorn") / "server.log"):
        yield address


@contextmanager
def _running(command: Sequence[str | Path], ready: Sequence[str], log: Path) -> Iterator[None]:
    """Run a server in the environment of the servers, and end it by its own handle."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=HERE.parents[1],
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
        try:
            _wait(server, ready, log)
            yield
        finally:
            server.terminate()
            server.wait(30)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait(server: subprocess.Popen[bytes], ready: Sequence[str], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        if all(_is_ready(url) for url in ready):
            return
        time.sleep(0.2)
    raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-2000:])


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
