"""Text kernels over Arrow buffers: signals, MinHash, similarity, cleaning. No Spark."""
