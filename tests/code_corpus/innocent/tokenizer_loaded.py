import pickle
from flask import Flask, request
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.sequence import pad_sequences

app = Flask(__name__)
model = load_model("model.keras")
with open("tokenizer.pickle", "rb") as handle:
    tokenizer = pickle.load(handle)


@app.route("/analyse", methods=["POST"])
def analyse():
    ids = tokenizer.texts_to_sequences([request.form["text"]])
    return {"p": float(model.predict(pad_sequences(ids, maxlen=80))[0][0])}
