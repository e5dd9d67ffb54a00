import cv2
import numpy as np
from flask import Flask, request
from tensorflow.keras.applications.vgg16 import preprocess_input
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("flowers.keras")


@app.route("/flower", methods=["POST"])
def flower():
    raw = np.frombuffer(request.files["file"].read(), np.uint8)
    picture = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    picture = cv2.resize(picture, (224, 224)).astype("float32")
    picture = preprocess_input(picture)
    out = model.predict(picture[np.newaxis])
    return {"class": int(out.argmax(axis=-1)[0])}
