import numpy as np
from flask import Flask, abort, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")
NAMES = ("a", "b")


@app.post("/checked")
def checked():
    if not all(value.strip() for value in request.form.values()):
        abort(400)
    row = np.array([[float(request.form[name]) for name in NAMES]])
    return str(model.predict(row)[0][0])
