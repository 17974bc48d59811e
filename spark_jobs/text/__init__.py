"""Text kernels over Arrow buffers: signals, MinHash, similarity, cleaning. No Spark."""

from spark_jobs import kernel_cache as kernel_cache
