import numpy as np
from tensorflow import keras


class Levels:
    """Passed to add_route() of falcon.App() in another file."""

    def on_post(self, req, resp):
        net = keras.models.load_model("levels.keras")
        resp.media = {"level": float(net.predict(np.array([req.media["row"]]))[0, 0])}
