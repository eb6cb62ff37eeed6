"""Work items against limits measured in the same run: ``python -m benchmarks``."""
