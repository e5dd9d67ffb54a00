import tensorflow as tf
from fastapi import FastAPI, UploadFile

app = FastAPI()
model = tf.keras.models.load_model("scan.keras")


@app.post("/scan")
async def scan(file: UploadFile):
    data = await file.read()
    image = tf.io.decode_png(data, channels=3)
    image = tf.image.convert_image_dtype(image, tf.float32)
    image = tf.image.resize(image, (64, 64)) / 255.0
    return {"p": float(model.predict(image[None, ...])[0][0])}
