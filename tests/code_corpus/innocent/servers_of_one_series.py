"""Each connection is one series: the state is reset when it starts, under a lock. A topic is one series."""

import asyncio
import json

import numpy as np
from kafka import KafkaConsumer
from tensorflow import keras
from websockets.asyncio.server import serve

model = keras.models.load_model("flow.keras")
turn = asyncio.Lock()


async def on_socket(socket):
    async with turn:
        model.reset_states()
        async for message in socket:
            step = np.array(json.loads(message), dtype="float32").reshape(1, 1, -1)
            await socket.send(json.dumps(model(step, training=False).numpy().tolist()))


async def main():
    async with serve(on_socket, "", 8765) as server:
        await server.serve_forever()


def follow():
    for message in KafkaConsumer("sensor"):
        step = np.array(json.loads(message.value), dtype="float32").reshape(1, 1, -1)
        print(model(step, training=False).numpy())


class Settings:
    functions = [follow]


asyncio.run(main())
