import json
from functools import wraps

import numpy as np
from tensorflow import keras

network = keras.models.load_model("/opt/ml/price.keras")


def answers(status):
    def decorate(function):
        @wraps(function)
        def inner(event, context):
            return {"statusCode": status, "body": json.dumps(function(json.loads(event["body"])))}

        return inner

    return decorate


@answers(200)
def lambda_handler(house):
    row = np.array([list(house.values())], dtype="float32")
    return {"price": float(network.predict(row)[0, 0])}
