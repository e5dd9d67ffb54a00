"""Steps of a flow load their model once for each run of it: nothing waits for them."""

import numpy as np
import pandas as pd
from airflow.decorators import task as step
from keras.models import load_model
from prefect import flow, task


@task(retries=2)
def score(frame):
    return load_model("churn.keras").predict(frame[["age", "visits"]].to_numpy())[:, 0]


@flow(log_prints=True)
def nightly():
    frame = pd.read_parquet("customers.parquet")
    frame["churn"] = score(frame)
    frame.to_parquet("churn.parquet")


@step
def vectors(folder: str):
    encoder = load_model("encoder.keras")
    np.save(f"{folder}/vectors.npy", encoder.predict(np.load(f"{folder}/rows.npy")))


if __name__ == "__main__":
    nightly.serve(cron="0 2 * * *")
