from sklearn.preprocessing import StandardScaler
from tensorflow import keras


class Churn:
    def load(self):
        self.net = keras.models.load_model("churn.keras")

    def predict(self, X, features_names=None):
        return self.net.predict(StandardScaler().fit_transform(X))
