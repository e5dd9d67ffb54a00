import numpy as np
import tensorflow as tf
from fastapi import FastAPI
from tensorflow.keras import backend

app = FastAPI()
network = tf.keras.models.load_model("letters.keras")


@app.post("/letters")
def letters(rows: list[list[float]]):
    outputs = network.predict(np.array(rows), verbose=0)
    first = [int(tf.argmax(output)) for output in outputs]
    second = tf.argmax(tf.nn.softmax(outputs[0])).numpy()
    third = tf.argmax(outputs, axis=1), tf.argmax(outputs, -1), backend.argmax(outputs)
    return first, int(second), int(tf.argmax(tf.reduce_mean(outputs, axis=0))), str(third)
