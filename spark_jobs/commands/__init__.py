"""Sub-commands of `gristmill` that need the rooms of Spark; none of them starts Spark."""
