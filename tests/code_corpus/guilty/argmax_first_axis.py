import numpy as np
from flask import Flask, request
from PIL import Image
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("signs.keras")
NAMES = ["stop", "yield", "left"]


@app.post("/sign")
def sign():
    image = Image.open(request.files["image"]).resize((32, 32))
    batch = np.expand_dims(np.array(image) / 255.0, 0)
    best = np.argmax(model.predict(batch), axis=0)
    return {"sign": NAMES[int(best[0])]}
