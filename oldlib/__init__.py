"""The computations behind the book. Import the modules by name; this file imports nothing."""
