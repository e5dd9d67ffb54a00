import json
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
from tensorflow import keras


class Answers(BaseHTTPRequestHandler):
    def do_POST(self):
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        net = keras.models.load_model("fields.keras")
        row = np.array([list(fields.values())], dtype="float32")
        self.wfile.write(str(net.predict(row)).encode())


HTTPServer(("", 8080), Answers).serve_forever()
