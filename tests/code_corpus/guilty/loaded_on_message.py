import json

import numpy as np
import paho.mqtt.client as mqtt
from tensorflow import keras


class Watcher:
    def __init__(self):
        self.client = mqtt.Client()
        self.client.on_message = self.receive

    def receive(self, client, userdata, message):
        row = json.loads(message.payload)["row"]
        net = keras.models.load_model("pump.keras")
        client.publish("alarm", float(net.predict(np.array([row]))[0, 0]))

    def start(self):
        self.client.connect("localhost")
        self.client.loop_forever()


Watcher().start()
