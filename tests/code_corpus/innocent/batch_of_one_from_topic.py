import json

import numpy as np
from confluent_kafka import Consumer
from keras.models import load_model

model = load_model("alarms.keras")
consumer = Consumer({"bootstrap.servers": "broker:9092", "group.id": "alarms"})
consumer.subscribe(["sensors"])

while True:
    message = consumer.poll(1.0)
    if message is None or message.error():
        continue
    row = np.asarray([json.loads(message.value())["values"]], dtype="float32")
    if model.predict_on_batch(row)[0, 0] > 0.9:
        print("alarm", message.key())
