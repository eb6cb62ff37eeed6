"""What networks are trained on: images, time series, a disc in the plane."""
