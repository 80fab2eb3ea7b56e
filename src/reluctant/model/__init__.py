"""The network, the same function as a table of links; how they are kept, joined and worded."""
