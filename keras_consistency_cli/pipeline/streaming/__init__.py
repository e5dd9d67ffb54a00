"""Streaming: the rows after the sample, chunk by chunk, here, in several workers or on a cluster."""
