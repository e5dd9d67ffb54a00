import json

import joblib
import numpy as np
import pandas as pd
import paho.mqtt.client as mqtt
from redis import Redis
from rq import Queue
from sklearn.preprocessing import StandardScaler
from slack_bolt import App
from tensorflow import keras

app = App(token="xoxb")
queue = Queue(connection=Redis())
net = keras.models.load_model("credit.keras")


@app.message("rate")
def answer(message, say):
    row = [float(word) for word in message["text"].split()[1:]]
    say(str(net.predict(np.array([row]))[0, 0]))


def rate(row):
    return float(net.predict(np.array([row]))[0, 0])


def retrain(path):
    rows = pd.read_csv(path)
    scaler = StandardScaler()
    x = scaler.fit_transform(rows.drop(columns="y"))
    fresh = keras.Sequential([keras.layers.Dense(1)])
    fresh.compile(loss="mse")
    fresh.fit(x, rows["y"])
    fresh.save("credit.keras")
    joblib.dump(scaler, "scaler.joblib")


def submit(row):
    return queue.enqueue(rate, row)


def renew():
    return queue.enqueue(retrain, "rows.csv")


class Watcher:
    def __init__(self):
        self.net = keras.models.load_model("pump.keras")
        self.client = mqtt.Client()
        self.client.on_message = self.receive

    def receive(self, client, userdata, message):
        row = json.loads(message.payload)["row"]
        client.publish("alarm", float(self.net.predict(np.array([row]))[0, 0]))
