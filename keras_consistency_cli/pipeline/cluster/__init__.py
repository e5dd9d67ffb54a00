"""Cluster: the connection to a Dask scheduler, which fleets and streams of rows share."""
