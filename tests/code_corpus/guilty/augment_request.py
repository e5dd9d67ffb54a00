import tensorflow as tf
from flask import Flask, request

app = Flask(__name__)
model = tf.keras.models.load_model("moles.keras")


def prepare(data):
    image = tf.io.decode_jpeg(data, channels=3)
    image = tf.image.resize(image, (96, 96)) / 255.0
    image = tf.image.random_flip_left_right(image)
    return tf.expand_dims(image, 0)


@app.post("/mole")
def mole():
    return {"p": float(model.predict(prepare(request.files["f"].read()))[0, 0])}
