import json

import numpy as np
from tensorflow import keras


def predict_fn(rows, net):
    return net.predict(rows)


def input_fn(body, content_type):
    return np.array([list(fields.values()) for fields in json.loads(body)])


def model_fn(folder):
    return keras.models.load_model(f"{folder}/net.keras")
