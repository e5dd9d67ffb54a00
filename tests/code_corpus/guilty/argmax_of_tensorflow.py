import numpy as np
import tensorflow as tf
from fastapi import FastAPI

app = FastAPI()
network = tf.keras.models.load_model("letters.keras")


@app.post("/letters")
def letters(rows: list[list[float]]):
    outputs = network.predict(np.array(rows), verbose=0)
    return tf.argmax(outputs).numpy().tolist()


@app.post("/letter")
def letter(row: list[float]):
    return int(tf.math.argmax(network(np.array([row]), training=False))[0])
