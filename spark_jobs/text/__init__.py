"""Text kernels over Arrow buffers: signals, MinHash, similarity, cleaning. No Spark."""

from spark_jobs import kernels as kernels
