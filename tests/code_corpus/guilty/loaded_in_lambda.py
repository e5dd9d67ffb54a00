import json
import numpy as np
from tensorflow import keras


def lambda_handler(event, context):
    model = keras.models.load_model("/tmp/model.keras")
    rows = np.array(json.loads(event["body"])["rows"])
    return {"statusCode": 200, "body": json.dumps(model.predict(rows).tolist())}
