import json
from functools import wraps

import numpy as np
from tensorflow import keras

network = keras.models.load_model("/opt/ml/price.keras")
FIELDS = ("area", "rooms", "floor")


def of_fields(function):
    @wraps(function)
    def inner(event, context):
        house = json.loads(event["body"])
        return function([house[name] for name in FIELDS])

    return inner


@of_fields
def lambda_handler(fields):
    return {"price": float(network.predict(np.array([fields], dtype="float32"))[0, 0])}
