"""Finite width: sampled random networks. Nothing here knows the theory."""
