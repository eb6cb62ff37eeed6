"""Infinite width: averages, mean-field maps and finite-width corrections. Nothing here samples."""
