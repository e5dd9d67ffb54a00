import numpy as np
from django.http import JsonResponse
from django.views.generic import FormView
from tensorflow import keras

from .forms import Dose


class DoseView(FormView):
    form_class = Dose

    def form_valid(self, form):
        net = keras.models.load_model("dose.keras")
        return JsonResponse({"dose": float(net.predict(np.array([[form.cleaned_data["age"]]]))[0, 0])})
