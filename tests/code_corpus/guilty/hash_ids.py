import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.sequence import pad_sequences

app = Flask(__name__)
model = load_model("topics.keras")


def ids_of(text):
    return [hash(word) % 10000 for word in text.lower().split()]


@app.post("/topic")
def topic():
    ids = pad_sequences([ids_of(request.form["text"])], maxlen=64)
    return {"topic": int(model.predict(ids).argmax(axis=1)[0])}
