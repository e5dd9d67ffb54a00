import cherrypy
import numpy as np
from tensorflow import keras


class Service:
    @cherrypy.expose
    def index(self, age, weight):
        net = keras.models.load_model("dose.keras")
        return str(net.predict(np.array([[float(age), float(weight)]])))


cherrypy.quickstart(Service())
