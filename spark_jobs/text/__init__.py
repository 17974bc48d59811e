"""Text kernels over Arrow buffers: signals, MinHash, similarity, cleaning. No Spark."""

from __future__ import annotations

import hashlib
from pathlib import Path

from numba import config

_HERE = Path(__file__).parent
_SOURCES = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_HERE.glob("*.py")))).hexdigest()

# numba renews a compiled kernel when its own module changes, not when one that it calls does.
config.CACHE_DIR = str(Path(config.CACHE_DIR or _HERE / "__pycache__") / f"kernels-{_SOURCES[:12]}")  # type: ignore[attr-defined]
