import numpy as np
from fastapi import FastAPI, UploadFile
from PIL import Image
from tensorflow import keras
from tensorflow.keras.applications.mobilenet_v2 import preprocess_input

app = FastAPI()
small = keras.models.load_model("small.keras")
large = keras.models.load_model("large.keras")


@app.post("/both")
def both(file: UploadFile):
    pixels = np.array(Image.open(file.file).convert("RGB").resize((96, 96)))
    first = small.predict((pixels / 255.0)[np.newaxis])
    second = large.predict(preprocess_input(pixels.astype("float32"))[np.newaxis])
    return {"mean": ((first + second) / 2).tolist()}
