"""The version of the library, which stands in the files it writes."""

__version__ = "0.1.0"
