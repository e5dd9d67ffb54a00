"""The models that MLServer runs in tests: a small network in NumPy, healthy and with planted faults.

MLServer imports this file in its own environment, which has neither Keras nor kcheck.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

FOLDER = Path(__file__).parent


class Served(MLModel):
    """Answers with the outputs of the network in weights.npz; `parameters.version` names the fault."""

    async def load(self) -> bool:
        with np.load(FOLDER / "weights.npz") as weights:
            self.weights = [weights[name] for name in sorted(weights)]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32)
        outputs = self.respond(rows)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("score", outputs.astype(np.float32))]
        )

    def respond(self, rows: np.ndarray) -> np.ndarray:
        first, bias, second, last = self.weights
        return np.tanh(rows @ first + bias) @ second + last


class Rounding(Served):
    """Answers with three digits after the point."""

    def respond(self, rows: np.ndarray) -> np.ndarray:
        return np.round(super().respond(rows), 3)


class Reordered(Served):
    """Takes the columns in the opposite order."""

    def respond(self, rows: np.ndarray) -> np.ndarray:
        return super().respond(rows[:, ::-1])


class Centring(Served):
    """Subtracts the mean of the rows that the server has put into one batch."""

    def respond(self, rows: np.ndarray) -> np.ndarray:
        return super().respond(rows - rows.mean(axis=0, keepdims=True))
