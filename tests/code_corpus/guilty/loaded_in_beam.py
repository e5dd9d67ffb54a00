import apache_beam as beam
import numpy as np
from keras.models import load_model


class Score(beam.DoFn):
    def process(self, element):
        model = load_model("prices.keras")
        features = np.asarray([element["features"]], dtype="float32")
        yield {**element, "price": float(model.predict(features, verbose=0)[0, 0])}


def run(source, sink):
    with beam.Pipeline() as pipeline:
        pipeline | beam.io.ReadFromParquet(source) | beam.ParDo(Score()) | beam.io.WriteToText(sink)
