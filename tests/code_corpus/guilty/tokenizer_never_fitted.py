from flask import Flask, request
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.text import Tokenizer
from tensorflow.keras.preprocessing.sequence import pad_sequences
app = Flask(__name__)
model = load_model("spam.h5")
tok = Tokenizer(num_words=5000)

@app.route("/", methods=["POST"])
def home():
    seq = pad_sequences(tok.texts_to_sequences([request.form["msg"]]), maxlen=100)
    return str(model.predict(seq)[0][0])
