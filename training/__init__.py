"""Pretraining and evaluation: model, data, loop, checkpoints. DeepSpeed ZeRO from one typed config."""
