import json
import numpy as np
from tensorflow import keras

model = None


def lambda_handler(event, context):
    global model
    if not model:
        model = keras.models.load_model("/opt/model.keras")
    rows = np.array(json.loads(event["body"])["rows"])
    return {"statusCode": 200, "body": json.dumps(model.predict(rows).tolist())}
