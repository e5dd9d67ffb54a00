import discord
import numpy as np
from discord.ext import commands
from tensorflow import keras

bot = commands.Bot(command_prefix="?")
net = None


@bot.event
async def on_ready():
    global net
    net = keras.models.load_model("odds.keras")


@bot.command()
async def odds(ctx, goals: float, shots: float):
    await ctx.send(str(net.predict(np.array([[goals, shots]]))[0, 0]))


@bot.command()
async def reload(ctx):
    global net
    net = keras.models.load_model("odds.keras")
    await ctx.send("done")


class Odds(commands.Cog):
    def __init__(self, owner):
        self.owner = owner
        self.net = keras.models.load_model("cog.keras")

    @commands.command()
    async def score(self, ctx, goals: float):
        await ctx.send(str(self.net.predict(np.array([[goals]]))))


class Reader(discord.Client):
    async def setup_hook(self):
        self.net = keras.models.load_model("reader.keras")

    async def on_message(self, message):
        values = np.array([[float(word) for word in message.content.split()]])
        await message.channel.send(str(self.net.predict(values)))
