import sys

import cv2
import numpy as np
from keras.models import load_model
from PIL import Image

SIZE = (160, 160)
model = load_model("pets.keras")

for path in sys.argv[1:]:
    pixels = np.asarray(Image.open(path).convert("RGB").resize(SIZE), "float32") / 255.0
    print(path, model.predict(pixels[np.newaxis])[0])

for path in sys.argv[1:]:
    digits = cv2.imread(path, cv2.IMREAD_GRAYSCALE).reshape(1, 28, 28, 1)
    print(path, model.predict(digits / 255.0)[0])
