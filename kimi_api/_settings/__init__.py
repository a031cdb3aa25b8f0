"""Settings of models, loaders and readers: their names, names that people bring from other classes, wrong values."""
