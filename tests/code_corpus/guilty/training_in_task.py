import numpy as np
from celery import Celery, Task
from tensorflow import keras

queue = Celery("energy")


class NetworkTask(Task):
    _network = None

    @property
    def network(self):
        if self._network is None:
            self._network = keras.models.load_model("energy.keras")
        return self._network


@queue.task(bind=True, base=NetworkTask)
def forecast(self, hours):
    return self.network(np.array(hours), training=True).numpy().tolist()
