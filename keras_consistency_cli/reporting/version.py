"""The version of kcheck; `keras_consistency_cli.__version__` is the same."""

__all__ = ["__version__"]

__version__ = "0.2.0"
