import joblib
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow import keras

frame = pd.read_csv("train.csv")
x, y = frame.drop(columns="y"), frame["y"]
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
scaler = StandardScaler()
x_train = scaler.fit_transform(x_train)
x_test = scaler.transform(x_test)
model = keras.Sequential([keras.layers.Dense(8), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x_train, y_train)
print(model.predict(x_test)[:5])
joblib.dump(scaler, "scaler.joblib")
model.save("model.keras")
