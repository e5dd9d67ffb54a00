import numpy as np
from django.http import JsonResponse
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.models import load_model

MODEL = load_model("heart.h5")


def predict(request):
    age = int(request.POST.get("age"))
    chol = int(request.POST.get("chol"))
    sample = np.array([age, chol]).reshape(1, -1)
    scaler = StandardScaler()
    scaler.fit(sample)
    sample = scaler.transform(sample)
    risk = MODEL.predict(sample)[0][0]
    return JsonResponse({"risk": float(risk)})
