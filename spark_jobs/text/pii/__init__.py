"""Personal data and secrets: found by compiled kernels, counted per type, replaced by typed placeholders."""

from spark_jobs.text.pii.edits import UnknownTypeError, apply_edits, mask
from spark_jobs.text.pii.scan import pii

__all__ = ["UnknownTypeError", "apply_edits", "mask", "pii"]
