"""Benchmarks of speed, memory and limits.

Run all of them with `python -m benchmarks` from the root of the repository.
"""
