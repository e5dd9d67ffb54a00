import numpy as np
from fastapi import FastAPI
from sklearn.preprocessing import MultiLabelBinarizer, OneHotEncoder, OrdinalEncoder
from tensorflow import keras

app = FastAPI()
network = keras.models.load_model("visits.keras")
DAYS = ["mon", "tue", "wed", "thu", "fri"]
days_encoder = OneHotEncoder(categories=[DAYS], sparse_output=False)


@app.post("/visits")
def visits(days: list[str], sizes: list[str], tags: list[list[str]]):
    first = days_encoder.fit_transform(np.array(days).reshape(-1, 1))
    second = OrdinalEncoder(categories=[["s", "m", "l"]]).fit_transform(np.array(sizes).reshape(-1, 1))
    third = MultiLabelBinarizer(classes=["new", "vip"]).fit_transform(tags)
    return network.predict(np.hstack([first, second, third])).tolist()
