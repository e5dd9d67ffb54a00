import joblib
import numpy as np
from celery import Celery, Task
from tensorflow import keras

queue = Celery("energy")


class ForecastTask(Task):
    abstract = True
    _parts = None

    @property
    def parts(self):
        if self._parts is None:
            self._parts = {
                "network": keras.models.load_model("energy.keras"),
                "x_scaler": joblib.load("x_scaler.gz"),
                "y_scaler": joblib.load("y_scaler.gz"),
            }
        return self._parts


@queue.task(bind=True, base=ForecastTask, max_retries=3)
def forecast(self, hours):
    x_scaler, y_scaler = self.parts["x_scaler"], self.parts["y_scaler"]
    outputs = self.parts["network"].predict(x_scaler.transform(np.array(hours)), verbose=0)
    return {"load": x_scaler.inverse_transform(outputs).tolist(), "known": float(y_scaler.data_max_[0])}
