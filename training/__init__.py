"""Training and evaluation of every model that ships with Tuwen."""
