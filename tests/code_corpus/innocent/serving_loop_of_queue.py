"""Each message is a batch of rows."""
import json
import numpy as np
from kafka import KafkaConsumer
from tensorflow import keras

model = keras.models.load_model("model.keras")
for message in KafkaConsumer("rows"):
    rows = np.array(json.loads(message.value)["rows"], dtype="float32")
    print(model.predict(rows, verbose=0).tolist())
