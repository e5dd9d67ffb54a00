import numpy as np
from flask import Flask, request
from PIL import Image
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.image import ImageDataGenerator

app = Flask(__name__)
model = load_model("cells.h5")
generator = ImageDataGenerator(rescale=1.0 / 255, horizontal_flip=True, zoom_range=0.2)


@app.post("/cell")
def cell():
    image = np.array(Image.open(request.files["cell"]).resize((64, 64)))
    batch = generator.flow(np.expand_dims(image, 0), batch_size=1)
    return {"p": model.predict(batch).tolist()}
