import numpy as np
from discord import app_commands
from discord.ext import commands
from tensorflow import keras

bot = commands.Bot(command_prefix="?")


@bot.hybrid_command(name="odds")
async def odds(ctx, goals: float, shots: float):
    net = keras.models.load_model("odds.keras")
    await ctx.send(f"{float(net.predict(np.array([[goals, shots]]))[0, 0]):.2f}")


@app_commands.command()
async def draw(interaction, goals: float, shots: float):
    net = keras.models.load_model("draw.keras")
    await interaction.response.send_message(str(net.predict(np.array([[goals, shots]]))))
