import cv2, numpy as np, keras
model = keras.models.load_model("face.keras")
cap = cv2.VideoCapture(0)
while True:
    ok, frame = cap.read()
    if not ok:
        break
    rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    x = cv2.resize(rgb, (96, 96)).astype("float32")[None] / 255.0
    print(model(x, training=False).numpy())
