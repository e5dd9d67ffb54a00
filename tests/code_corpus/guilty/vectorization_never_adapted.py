import keras, numpy as np
from fastapi import FastAPI
app = FastAPI()
model = keras.models.load_model("m.keras")
vectorizer = keras.layers.TextVectorization(max_tokens=20000, output_sequence_length=200)

@app.post("/p")
def p(texts: list[str]):
    return model.predict(vectorizer(np.array(texts))).tolist()
