import numpy as np
from celery import Celery
from flask import Flask, request
from keras.models import load_model

web = Flask(__name__)
jobs = Celery("jobs")
kept = {}


@web.post("/demand")
def demand():
    kept.update(rows=np.array(request.json["rows"]), model=load_model("demand.keras"))
    return kept["model"].predict(kept["rows"]).tolist()


@jobs.task(name="churn")
def churn(rows):
    return load_model("churn.keras").predict(np.array(rows)).tolist()
