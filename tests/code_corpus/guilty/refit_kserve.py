import kserve
import numpy as np
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model


class Energy(kserve.Model):
    def __init__(self, name):
        super().__init__(name)
        self.scaler = StandardScaler()
        self.load()

    def load(self):
        self.model = load_model("/mnt/models/energy.keras")
        self.ready = True

    def preprocess(self, payload, headers=None):
        rows = np.array(payload["instances"])
        return self.scaler.fit_transform(rows)

    def predict(self, rows, headers=None):
        return {"predictions": self.model.predict(rows).tolist()}
