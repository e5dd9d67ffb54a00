from flask import Flask, request
import tensorflow as tf

app = Flask(__name__)
model = tf.keras.models.load_model("intents")
vectorize = tf.keras.layers.TextVectorization(max_tokens=5000)


@app.route("/chat")
def chat():
    text = request.args.get("msg")
    vectorize.adapt([text])
    scores = model.predict(vectorize([text]))
    return str(scores.argmax(axis=1)[0])
