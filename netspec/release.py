"""The version of netspec."""

__version__ = "0.1.0"
