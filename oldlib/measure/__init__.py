"""Measurements on arrays; knows neither the theory nor the networks they come from."""
