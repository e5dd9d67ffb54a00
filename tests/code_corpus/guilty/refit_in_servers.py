"""Functions that servers call for each message, connection or request."""

import asyncio
import json

import numpy as np
import strawberry
from nameko.rpc import rpc
from sklearn.preprocessing import StandardScaler
from tensorflow import keras
from websockets.asyncio.server import serve

model = keras.models.load_model("flow.keras")


async def on_socket(socket):
    async for message in socket:
        rows = np.array(json.loads(message))
        await socket.send(json.dumps(model.predict(StandardScaler().fit_transform(rows), verbose=0).tolist()))


async def on_connection(reader, writer):
    rows = np.frombuffer(await reader.read(), dtype="float32").reshape(-1, 8)
    writer.write(model.predict(StandardScaler().fit_transform(rows), verbose=0).tobytes())


def application(environ, start_response):
    start_response("200 OK", [])
    rows = np.array(json.load(environ["wsgi.input"]))
    return [model.predict(StandardScaler().fit_transform(rows), verbose=0).tobytes()]


async def scored(context, rows):
    return model.predict(StandardScaler().fit_transform(np.array(rows)), verbose=0).tolist()


class WorkerSettings:
    functions = [scored]


class Flow:
    name = "flow"

    @rpc
    def score(self, rows):
        return model.predict(StandardScaler().fit_transform(np.array(rows)), verbose=0).tolist()


@strawberry.type
class Query:
    @strawberry.field
    def flow(self, rows: list[list[float]]) -> list[float]:
        return model.predict(StandardScaler().fit_transform(np.array(rows)), verbose=0)[:, 0].tolist()


async def main():
    await asyncio.start_server(on_connection, port=9000)
    async with serve(on_socket, "", 8765) as server:
        await server.serve_forever()


asyncio.run(main())
