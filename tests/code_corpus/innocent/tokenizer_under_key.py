import pickle

from flask import Flask, request
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.sequence import pad_sequences

app = Flask(__name__)
STATE = dict()
with open("tokenizer.pkl", "rb") as stream:
    STATE["tokenizer"] = pickle.load(stream)
STATE["network"] = load_model("reviews.h5")


@app.post("/score")
def score():
    words = STATE["tokenizer"].texts_to_sequences([request.form["text"]])
    return {"score": STATE["network"].predict(pad_sequences(words, maxlen=80)).tolist()}
