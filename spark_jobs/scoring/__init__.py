"""Quality scores: models that are trained from configured sets and run as signal families of their own."""
