import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("kidney.h5")


@app.route("/predict", methods=["POST"])
def predict():
    features = [float(x) for x in request.form.values()]
    final = [np.array(features)]
    return str(model.predict(np.array(final)))
