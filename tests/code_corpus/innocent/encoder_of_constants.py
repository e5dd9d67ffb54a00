import numpy as np
from flask import Flask, request
from sklearn.preprocessing import LabelEncoder
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")
AREAS = ["north", "south", "west"]


@app.post("/area")
def area():
    encoder = LabelEncoder()
    encoder.fit(AREAS)
    code = encoder.transform([request.form["area"]])[0]
    row = np.array([[code, float(request.form["size"])]])
    return str(model.predict(row)[0][0])
