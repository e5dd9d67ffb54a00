import joblib
import numpy as np
from tensorflow.keras.models import load_model

scaler = joblib.load("scaler.joblib")
model = load_model("model.keras")


def prepare(rows):
    return scaler.transform(rows)


def main():
    print(model.predict(prepare(np.load("rows.npy"))))


if __name__ == "__main__":
    main()
