"""Services on loopback with planted faults, made of the standard library and NumPy.

They follow the documented forms of TF Serving, V2, MLflow and plain JSON.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

__all__ = ["PATHS", "Answers", "Stub", "refuse_wrong_rows", "running"]

Answers = Callable[[np.ndarray], Any]
"""From the rows of a request to outputs, as an array or as any JSON document."""

PATHS = {
    "tfserving": "/v1/models/m:predict",
    "tfserving-columns": "/v1/models/m:predict",
    "v2": "/v2/models/m/infer",
    "mlflow": "/invocations",
    "json": "/score",
}


class Stub(ThreadingHTTPServer):
    """One service; `requests` are the bodies that it got, `headers` those of the last request."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, answers: Answers, protocol: str = "tfserving", *, raw: bytes = b"", status: int = 200
    ) -> None:
        self.answers, self.protocol, self.raw, self.fixed_status = answers, protocol, raw, status
        self.location = ""
        self.datatype, self.extensions = "FP32", ("classification",)
        self.configuration: dict[str, Any] = {}
        self.delay = 0.0
        self.requests: list[Any] = []
        self.headers: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{PATHS[self.protocol]}"

    def answer(self, rows: np.ndarray, _body: Any) -> Any:
        """The outputs for the rows of a request."""
        return self.answers(rows)


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        stub = self.server
        if self.path.endswith("/config"):
            self._reply(200, stub.configuration)
        elif stub.protocol == "v2" and self.path == "/v2":
            self._reply(200, {"name": "server", "extensions": list(stub.extensions)})
        elif stub.protocol == "v2":
            x, y = ({"name": name, "datatype": stub.datatype, "shape": [-1, 3]} for name in ("x", "y"))
            self._reply(200, {"name": "m", "versions": ["3"], "inputs": [x], "outputs": [y]})
        elif stub.protocol.startswith("tfserving"):
            signature = {"serving_default": {"inputs": {"x": {}}, "outputs": {"y": {}}}}
            metadata = {"signature_def": {"signature_def": signature}}
            self._reply(200, {"model_spec": {"name": "m", "version": "7"}, "metadata": metadata})
        else:
            self._reply(404, {"error": "no such path"})

    def do_POST(self) -> None:
        stub = self.server
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if "Inference-Header-Content-Length" in self.headers:
            self._answer_in_float16(content, int(self.headers["Inference-Header-Content-Length"]))
            return
        body = json.loads(content)
        stub.requests.append(body)
        stub.headers = dict(self.headers)
        time.sleep(stub.delay)
        if stub.raw or stub.fixed_status != 200:
            self._reply_bytes(stub.fixed_status, stub.raw or b"{}")
            return
        try:
            rows = np.array(self._rows(body), dtype="float64")
            outputs = stub.answer(rows, body)
        except (ValueError, TypeError) as error:
            self._reply(400, {"error": str(error)})
            return
        self._reply(200, self._document(outputs))

    def _answer_in_float16(self, content: bytes, length: int) -> None:
        """The binary extension of V2, for one input and one output of FP16."""
        body = json.loads(content[:length])
        self.server.requests.append(body)
        (tensor,) = body["inputs"]
        rows = np.frombuffer(content[length:], "<f2").reshape(tensor["shape"])
        try:
            outputs = np.asarray(self.server.answers(rows.astype("float64")), "<f2")
        except ValueError as error:
            self._reply(400, {"error": str(error)})
            return
        parameters = {"binary_data_size": outputs.nbytes}
        output = {"name": "y", "shape": list(outputs.shape), "datatype": "FP16", "parameters": parameters}
        header = json.dumps({"outputs": [output]}).encode()
        self._reply_bytes(200, header + outputs.tobytes(), len(header))

    def _rows(self, body: Any) -> Any:
        if self.server.protocol == "v2":
            (tensor,) = body["inputs"]
            return np.array(tensor["data"]).reshape(tensor["shape"]).tolist()
        keys = {"tfserving-columns": "inputs", "mlflow": "inputs"}
        return body[keys.get(self.server.protocol, "instances")]

    def _document(self, outputs: Any) -> Any:
        listed = outputs.tolist() if isinstance(outputs, np.ndarray) else outputs
        if self.server.protocol == "v2":
            array = np.asarray(outputs)
            flat = array.ravel().tolist()
            output = {"name": "y", "shape": list(array.shape), "datatype": "FP32", "data": flat}
            return {"model_name": "m", "outputs": [output]}
        return {"outputs" if self.server.protocol == "tfserving-columns" else "predictions": listed}

    def _reply(self, status: int, document: Any) -> None:
        self._reply_bytes(status, json.dumps(document).encode())

    def _reply_bytes(self, status: int, body: bytes, header_length: int = 0) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            if self.server.location:
                self.send_header("Location", self.server.location)
            self.send_header("Content-Length", str(len(body)))
            if header_length:
                self.send_header("Inference-Header-Content-Length", str(header_length))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


def refuse_wrong_rows(answers: Answers, columns: int) -> Answers:
    """Return a service that refuses rows of another width."""

    def checked(rows: np.ndarray) -> Any:
        if rows.ndim < 2 or rows.shape[-1] != columns:
            raise ValueError(f"rows of shape {rows.shape}")
        return answers(rows)

    return checked


@contextlib.contextmanager
def running(stub: Stub) -> Iterator[Stub]:
    """Serve in a thread, and end it by its own handle."""
    thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.shutdown()
        stub.server_close()
        thread.join()
