import numpy as np
import pandas as pd
from keras.layers import Dense
from keras.models import Sequential
from sklearn.preprocessing import StandardScaler

data = pd.read_csv("churn.csv").values
sc = StandardScaler()
x = sc.fit_transform(data[:, :-1])
classifier = Sequential([Dense(6, activation="relu"), Dense(1, activation="sigmoid")])
classifier.compile("adam", "binary_crossentropy")
classifier.fit(x, data[:, -1], epochs=10)
new = classifier.predict(sc.fit_transform(np.array([[0, 600, 40, 3]])))
print(new > 0.5)
