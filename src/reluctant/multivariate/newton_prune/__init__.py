"""The search for the sparsest interpolant: delete, return to the manifold of interpolants, kick, and start afresh."""
