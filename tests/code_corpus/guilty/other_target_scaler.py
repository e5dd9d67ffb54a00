import joblib
import numpy as np
from flask import Flask, request
from keras.models import load_model

app = Flask(__name__)
model = load_model("energy.keras")
scaler_x = joblib.load("scaler_x.pkl")
scaler_y = joblib.load("scaler_y.pkl")
print(scaler_y.data_max_)


@app.route("/energy", methods=["POST"])
def energy():
    rows = scaler_x.transform(np.array(request.json["rows"]))
    outputs = model.predict(rows)
    return {"kwh": scaler_x.inverse_transform(outputs).tolist()}
