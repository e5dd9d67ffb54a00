"""A form of eight fields; the scaler is made in the handler."""
import numpy as np
from flask import Flask, render_template, request
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("diabetes.h5")


@app.route("/")
def home():
    return render_template("index.html")


@app.route("/predict", methods=["POST"])
def predict():
    glucose = float(request.form["glucose"])
    pressure = float(request.form["pressure"])
    bmi = float(request.form["bmi"])
    sc = StandardScaler()
    row = sc.fit_transform([[glucose, pressure, bmi]])
    result = model.predict(row)
    return render_template("index.html", result=float(result[0][0]))
