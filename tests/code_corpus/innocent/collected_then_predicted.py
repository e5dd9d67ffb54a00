import numpy as np
from fastapi import FastAPI, UploadFile
from PIL import Image
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("model.keras")


@app.post("/images")
def images(files: list[UploadFile]):
    batch = []
    for file in files:
        batch.append(np.array(Image.open(file.file).convert("RGB").resize((32, 32))) / 255.0)
    outputs = model.predict(np.stack(batch))
    return [int(np.argmax(output)) for output in outputs]
