"""Speed, memory and limits, measured side by side; `python -m benchmarks` runs all of it, from the top of the
repository.
"""
