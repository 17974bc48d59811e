"""Sub-commands of `gristmill` about training; torch is loaded by none before it runs."""
