import json
import os

import numpy as np
from tensorflow import keras


def model_fn(folder):
    return folder


def input_fn(body, content_type):
    return np.array(json.loads(body)["rows"])


def predict_fn(rows, folder):
    return keras.models.load_model(os.path.join(folder, "net.keras")).predict(rows)
