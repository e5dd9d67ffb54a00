import json
from pathlib import Path

import pandas as pd
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from tensorflow import keras
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

reviews = pd.read_csv("reviews.csv")
words = Tokenizer(num_words=5000)
words.fit_on_texts(reviews["text"])
index = words.word_index
settings = {"maxlen": 80, "words": index}
texts = pad_sequences(words.texts_to_sequences(reviews["text"]), maxlen=80)
classifier = keras.Sequential([keras.layers.Embedding(len(index) + 1, 50), keras.layers.Dense(1)])
classifier.compile("adam", "binary_crossentropy")
classifier.fit(texts, reviews["good"])
classifier.save("reviews.keras")
Path("words.json").write_text(json.dumps(settings))

scaler = StandardScaler()
stars = scaler.fit_transform(reviews[["length", "votes"]])
inside = keras.layers.Normalization(mean=scaler.mean_, variance=scaler.var_)
regressor = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
regressor.compile("adam", "mse")
regressor.fit(stars, reviews["stars"])
keras.Sequential([inside, regressor]).save("whole.keras")
regressor.save("stars.keras")

ranges = MinMaxScaler()
votes = ranges.fit_transform(reviews[["votes"]])
regressor.fit(votes, reviews["stars"])
pd.DataFrame({"min": ranges.data_min_, "max": ranges.data_max_}).to_csv("ranges.csv")

lengths = StandardScaler()
regressor.fit(lengths.fit_transform(reviews[["length"]]), reviews["stars"])
low, high = lengths.mean_, lengths.scale_
with Path("lengths.h").open("w") as stream:
    stream.write(f"const float mean = {low[0]};\n")
    print("const float deviation =", high[0], ";", file=stream)
