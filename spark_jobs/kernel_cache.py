"""Where compiled kernels are kept: in one folder per version of their sources. Imported by whatever has kernels."""

from __future__ import annotations

import hashlib
from pathlib import Path

from numba import config

_HERE = Path(__file__).parent
_FOLDERS = ("text", "web/dom", "clusters", "history")
_SOURCES = sorted(path for folder in _FOLDERS for path in (_HERE / folder).rglob("*.py"))
_DIGEST = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()

# numba renews a compiled kernel when its own module changes, not when one that it calls does.
CACHE = Path(config.CACHE_DIR or _HERE / "__pycache__") / f"kernels-{_DIGEST[:12]}"  # type: ignore[attr-defined]
config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]
