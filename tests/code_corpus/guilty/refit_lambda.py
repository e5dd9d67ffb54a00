import json
import numpy as np
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

model = tf.keras.models.load_model("/opt/model.keras")


def lambda_handler(event, context):
    body = json.loads(event["body"])
    rows = np.array(body["instances"])
    rows = StandardScaler().fit_transform(rows)
    return {"statusCode": 200, "body": json.dumps(model.predict(rows).tolist())}
