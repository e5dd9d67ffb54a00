import discord
import numpy as np
from sklearn.preprocessing import MinMaxScaler
from tensorflow import keras


class Helper(discord.Client):
    async def setup_hook(self):
        self.net = keras.models.load_model("mood.keras")

    async def on_message(self, message):
        rows = np.array([[float(word)] for word in message.content.split()])
        outputs = self.net.predict(MinMaxScaler().fit_transform(rows))
        await message.channel.send(str(outputs.mean()))


Helper(intents=discord.Intents.default()).run("token")
