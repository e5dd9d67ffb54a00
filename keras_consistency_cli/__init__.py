"""kcheck: does a saved Keras model answer the same every way it is called?"""

__all__ = ["__version__"]

__version__ = "0.1.0"
