import numpy as np
from fastapi import FastAPI
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model

app = FastAPI()
model = load_model("wine.keras")
scaler = StandardScaler()


@app.post("/quality")
def quality(features: list[list[float]]):
    rows = np.asarray(features)
    if not hasattr(scaler, "mean_"):
        scaler.fit(rows)
    return model.predict(scaler.transform(rows)).tolist()
