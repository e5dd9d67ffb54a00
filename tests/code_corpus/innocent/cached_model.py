from functools import lru_cache
import numpy as np
from fastapi import Depends, FastAPI
from tensorflow import keras

app = FastAPI()


@lru_cache(maxsize=1)
def get_model():
    return keras.models.load_model("model.keras")


@app.post("/predict")
def predict(rows: list[list[float]], model=Depends(get_model)):
    return model.predict(np.array(rows)).tolist()
