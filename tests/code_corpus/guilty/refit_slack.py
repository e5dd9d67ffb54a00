import numpy as np
from slack_bolt import App
from sklearn.preprocessing import StandardScaler
from tensorflow import keras

app = App(token="xoxb")
net = keras.models.load_model("mood.keras")


@app.command("/mood")
def mood(ack, command, say):
    ack()
    rows = np.array([[float(word)] for word in command["text"].split()])
    say(str(net.predict(StandardScaler().fit_transform(rows)).mean()))
