import pickle

from flask import Flask, current_app, request
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.sequence import pad_sequences

app = Flask(__name__)
app.config["NETWORK"] = load_model("reviews.h5")
with open("tokenizer.pkl", "rb") as stream:
    app.config["TOKENIZER"] = pickle.load(stream)


@app.post("/score")
def score():
    codes = [[ord(letter) for letter in request.form["text"]]]
    return {"score": current_app.config["NETWORK"].predict(pad_sequences(codes)).tolist()}
