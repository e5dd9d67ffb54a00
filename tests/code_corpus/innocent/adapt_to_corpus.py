import tensorflow as tf
from flask import Flask, request

app = Flask(__name__)
model = tf.keras.models.load_model("model.keras")
corpus = open("corpus.txt").read().splitlines()
vectorize = tf.keras.layers.TextVectorization(max_tokens=1000)
vectorize.adapt(corpus)


@app.post("/text")
def text():
    return {"p": model.predict(vectorize([request.json["text"]])).tolist()}
