import pathlib

import cv2
import numpy as np
from tensorflow import keras

net = keras.models.load_model("scans.keras")
scans, votes = [], []
for path in pathlib.Path("scans").glob("*.png"):
    scans.append(cv2.resize(cv2.imread(str(path)), (64, 64)))

print(np.argmax(net.predict(np.stack(scans)), axis=-1))
print(np.vstack([net.predict(np.stack(scans)) for _ in range(3)]).argmax(axis=1))

clip = np.stack([cv2.resize(scan, (32, 32)) for scan in scans])
video = keras.models.load_model("video.keras")
print(np.argmax(video.predict(clip[np.newaxis])))

for member in (net, keras.models.load_model("second.keras")):
    votes.append(member.predict(np.array(scans[:1])))
print(np.argmax(np.mean(votes, axis=0)))
print(np.argmax(np.sum(votes, axis=0)))
print(np.argmax(np.concatenate(votes).mean(axis=0)))
