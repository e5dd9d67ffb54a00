import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model

frame = pd.read_csv("all.csv")
x = StandardScaler().fit_transform(frame.drop(columns="y"))
x_train, x_test, y_train, y_test = train_test_split(x, frame["y"], random_state=42)
model = load_model("model.keras")
print(((model.predict(x_test) > 0.5).ravel() == y_test).mean())
