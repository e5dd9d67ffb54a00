"""KServe with a healthy model and one that exchanges columns: `python kserve_app.py FOLDER PORT`.

Its environment has neither Keras nor kcheck. The server listens on the loopback interface only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelRepository
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer


class Served(Model):  # type: ignore[misc]
    """Answers in both protocols of KServe with the outputs of the network in weights.npz."""

    def __init__(self, name: str, weights: Path, order: slice) -> None:
        super().__init__(name)
        with np.load(weights) as stored:
            self.weights = [stored[key] for key in sorted(stored)]
        self.order = order
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """Answer a request of V1, a dictionary, or of V2."""
        if not isinstance(payload, InferRequest):
            return {"predictions": self.respond(np.asarray(payload["instances"], "float32")).tolist()}
        outputs = self.respond(payload.inputs[0].as_numpy())
        answer = InferOutput(name="score", shape=list(outputs.shape), datatype="FP32")
        answer.set_data_from_numpy(outputs, binary_data=False)
        return InferResponse(response_id=payload.id or "1", model_name=self.name, infer_outputs=[answer])

    def respond(self, rows: np.ndarray) -> np.ndarray:
        """Return the outputs of the network."""
        first, bias, second, last = self.weights
        return (np.tanh(rows[:, self.order] @ first + bias) @ second + last).astype("float32")


def main(folder: Path, port: int) -> None:
    """Serve until the process is ended."""
    models = ModelRepository()
    for name, order in (("healthy", slice(None)), ("reordered", slice(None, None, -1))):
        models.update(Served(name, folder / "weights.npz", order))
    extension = ModelRepositoryExtension(model_registry=models)
    server = RESTServer("kserve.model_server:app", DataPlane(model_registry=models), extension, port)
    server.config.host = "127.0.0.1"
    server.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
