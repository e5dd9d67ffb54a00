"""A plain script that records what it feeds to its model.

It needs model.keras, scaler.joblib and new_rows.npy in the working directory.

    python record_script.py
    kcheck run model.keras --scaler scaler.joblib --served served.npz
"""

import joblib
import keras
import numpy as np

from keras_consistency_cli import record

model = keras.models.load_model("model.keras")
scaler = joblib.load("scaler.joblib")
predict = record(model.predict, "served.npz", rows=1000)


def main() -> None:
    """Predict in batches of 32 and write the outputs."""
    rows = np.load("new_rows.npy")
    outputs = []
    for start in range(0, len(rows), 32):
        raw = rows[start : start + 32]
        record.raw(raw)
        outputs.append(predict(scaler.transform(raw).astype("float32"), verbose=0))
    np.save("outputs.npy", np.concatenate(outputs))


if __name__ == "__main__":
    main()
