"""Pretraining objectives: each turns spans of documents into a row of tokens and targets. NumPy alone, no torch."""
