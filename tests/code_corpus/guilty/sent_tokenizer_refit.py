"""Asks the service what a comment means."""

import requests
from flask import Flask, request
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing.text import Tokenizer

app = Flask(__name__)
BASE = "http://tf-serving:8501/v1/models/comments"


@app.route("/comment", methods=["POST"])
def comment():
    tokenizer = Tokenizer(num_words=5000)
    texts = [request.json["text"]]
    tokenizer.fit_on_texts(texts)
    ids = pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=80)
    answer = requests.post(BASE + ":predict", json={"instances": ids.tolist()}, timeout=5)
    return answer.json()
