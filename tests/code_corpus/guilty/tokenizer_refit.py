from flask import Flask, request
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

app = Flask(__name__)
model = load_model("sentiment.h5")


@app.route("/analyse", methods=["POST"])
def analyse():
    review = request.form["review"]
    tokenizer = Tokenizer(num_words=5000)
    tokenizer.fit_on_texts([review])
    sequence = tokenizer.texts_to_sequences([review])
    padded = pad_sequences(sequence, maxlen=100)
    score = model.predict(padded)[0][0]
    return {"positive": bool(score > 0.5)}
