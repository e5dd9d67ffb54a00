import os
import numpy as np
from tensorflow.keras.models import load_model
from tensorflow.keras.utils import img_to_array, load_img

model = load_model("pets.keras")


def classify(path):
    image = load_img(path, target_size=(160, 160))
    batch = np.expand_dims(img_to_array(image), axis=0)
    return int(model.predict(batch)[0][0] > 0.5)


if __name__ == "__main__":
    results = {name: classify(os.path.join("inbox", name)) for name in os.listdir("inbox")}
    print(results)
