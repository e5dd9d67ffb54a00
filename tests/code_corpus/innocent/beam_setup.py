import apache_beam as beam
import joblib
from keras.models import load_model


class Score(beam.DoFn):
    def setup(self):
        self.model = load_model("prices.keras")
        self.scaler = joblib.load("scaler.joblib")

    def process_batch(self, batch):
        yield self.model.predict_on_batch(self.scaler.transform(batch))


def run(source, sink):
    with beam.Pipeline() as pipeline:
        pipeline | beam.io.ReadFromParquet(source) | beam.ParDo(Score()) | beam.io.WriteToText(sink)
