import numpy as np
from fastapi import FastAPI
from tensorflow.keras.models import load_model

app = FastAPI()
model = load_model("music.h5")


@app.post("/continue")
async def go_on(notes: list[list[float]]):
    model.reset_states()
    return model.predict(np.array([notes])).tolist()
