import numpy as np
from flask import Flask, send_file
from tensorflow import keras

app = Flask(__name__)
generator = keras.models.load_model("generator.keras")


@app.get("/image")
def image():
    noise = np.random.normal(0, 1, (1, 128))
    picture = generator.predict(noise)[0]
    return {"pixels": picture.tolist()}
