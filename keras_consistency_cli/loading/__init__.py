"""Loading: the only opener of user files. What can be read without running anything is read first; the live model comes last, in the worker."""
