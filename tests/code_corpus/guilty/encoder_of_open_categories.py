import numpy as np
from fastapi import FastAPI
from sklearn.preprocessing import MultiLabelBinarizer, OneHotEncoder
from tensorflow import keras

app = FastAPI()
network = keras.models.load_model("visits.keras")


@app.post("/visits")
def visits(days: list[str], tags: list[list[str]]):
    encoder = OneHotEncoder(categories="auto", handle_unknown="ignore", sparse_output=False)
    first = encoder.fit_transform(np.array(days).reshape(-1, 1))
    second = MultiLabelBinarizer(sparse_output=False).fit_transform(tags)
    return network.predict(np.hstack([first, second])).tolist()
