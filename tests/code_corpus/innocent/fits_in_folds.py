import keras, numpy as np
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from model_def import build
X, y = np.load("X.npy"), np.load("y.npy")
for tr, te in KFold(5).split(X):
    sc = StandardScaler()
    xtr, xte = sc.fit_transform(X[tr]), sc.transform(X[te])
    m = build()
    m.fit(xtr, y[tr], epochs=2)
    m.save("fold.keras")
    m2 = keras.models.load_model("fold.keras")
    print(m2.predict(xte).mean())
