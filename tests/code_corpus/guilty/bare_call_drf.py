import tensorflow as tf
from rest_framework.response import Response
from rest_framework.views import APIView

MODEL = tf.keras.models.load_model("noise.keras")


class Noise(APIView):
    def post(self, request):
        rows = tf.constant(request.data["rows"], dtype=tf.float32)
        return Response({"outputs": MODEL(rows).numpy().tolist()})
