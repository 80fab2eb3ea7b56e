"""Searches that jump and keep what is lower: planted networks, small path norms, networks within a band."""
