import pickle
import pandas as pd
from flask import Flask, request
from sklearn.preprocessing import LabelEncoder
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("loan.h5")


@app.route("/loan", methods=["POST"])
def loan():
    form = request.form
    values = []
    for column in ("gender", "married", "area"):
        encoded = LabelEncoder().fit_transform([form[column]])[0]
        values.append(encoded)
    values.append(float(form["income"]))
    answer = model.predict([values])
    return {"approved": bool(answer[0][0] > 0.5)}
