import random
import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("rent.keras")


@app.route("/rent", methods=["POST"])
def rent():
    rooms = float(request.form["rooms"])
    area = float(request.form["area"])
    age = random.uniform(0, 30)
    row = np.array([[rooms, area, age]])
    return str(model.predict(row)[0][0])
