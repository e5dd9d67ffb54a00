import numpy as np
from fastapi import FastAPI
from keras.models import load_model

app = FastAPI()
model = load_model("tags.keras")


@app.post("/tags")
def tags(rows: list[list[float]]):
    return [float(model.predict(np.array([row]))[0][0]) for row in rows]
