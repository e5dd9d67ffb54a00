import io

import numpy as np
import tensorflow as tf
from flask import Flask, request
from keras.applications.mobilenet_v2 import preprocess_input
from PIL import Image

app = Flask(__name__)
model = tf.keras.models.load_model("mushrooms.keras")


@app.post("/sliced")
def sliced():
    picture = Image.open(io.BytesIO(request.data)).convert("RGB").resize((224, 224))
    pixels = np.asarray(picture)
    pixels = pixels[:, :, ::-1].astype("float32")
    return model.predict(preprocess_input(pixels[np.newaxis])).tolist()


@app.post("/reversed")
def reversed_axis():
    pixels = tf.io.decode_jpeg(request.data)
    pixels = tf.image.resize(pixels, (224, 224))
    turned = tf.reverse(pixels, axis=[-1])
    return model.predict(preprocess_input(turned[tf.newaxis])).tolist()
