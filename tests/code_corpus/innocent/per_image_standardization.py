import numpy as np
import tensorflow as tf
from fastapi import FastAPI, UploadFile

app = FastAPI()
model = tf.keras.models.load_model("model.keras")


@app.post("/image")
async def image(file: UploadFile):
    pixels = tf.io.decode_png(await file.read(), channels=3)
    pixels = tf.image.resize(pixels, (64, 64))
    pixels = (pixels - tf.reduce_mean(pixels)) / tf.math.reduce_std(pixels)
    return model.predict(pixels[tf.newaxis, ...]).tolist()
