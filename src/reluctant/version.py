"""The version of the library, which stands in the files it writes."""

__version__ = "0.2.0.dev0"
