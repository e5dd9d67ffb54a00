import numpy as np
from celery import Celery
from tensorflow.keras.models import load_model

app = Celery("jobs", broker="redis://localhost")


@app.task
def caption(pixels):
    encoder = load_model("encoder.keras")
    return encoder.predict(np.array(pixels)).tolist()
