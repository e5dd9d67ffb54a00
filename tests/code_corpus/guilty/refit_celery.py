import numpy as np
from celery import shared_task
from sklearn.preprocessing import MinMaxScaler
from tensorflow.keras.models import load_model

model = load_model("anomaly.keras")


@shared_task
def score(readings):
    data = np.array(readings).reshape(-1, 4)
    data = MinMaxScaler().fit_transform(data)
    rebuilt = model.predict(data)
    return float(np.mean((rebuilt - data) ** 2))
