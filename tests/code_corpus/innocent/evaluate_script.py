import pandas as pd
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model

model = load_model("model.keras")
train = pd.read_csv("train.csv")
test = pd.read_csv("test.csv")
scaler = StandardScaler()
scaler.fit(train)
outputs = model.predict(scaler.transform(test))
print(outputs.mean())
