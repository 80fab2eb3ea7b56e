"""Functions of an integer code in integer arithmetic, with every code tried."""
