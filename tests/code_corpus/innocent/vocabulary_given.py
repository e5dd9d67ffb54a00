import tensorflow as tf
from flask import Flask, request

app = Flask(__name__)
model = tf.keras.models.load_model("model.keras")
words = open("vocabulary.txt").read().split()
vectorize = tf.keras.layers.TextVectorization(vocabulary=words, output_sequence_length=50)


@app.post("/text")
def text():
    ids = vectorize([request.json["text"]])
    return {"p": model.predict(ids).tolist()}
