"""A score's model as an artefact of the lake: arrays, a reference distribution per language, and a card."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import UserError
from gristmill.lake import Lake, LakeError, canonical_json
from gristmill.scores import MODEL
from gristmill.storage import PosixStorage

CARD = "card.json"
NAMED = "scores"
"""Where the lake keeps the name of each model; what stands there is no garbage."""
_REFERENCE = "reference"
Arrays = Mapping[str, NDArray[Any]]


class ModelError(UserError):
    """A model that cannot be used; the message says why, and what to do."""


@dataclass(frozen=True)
class Model:
    """`languages`: those that it gives a score, in the order of its arrays; `reference`: ascending scores of reference
    documents per language; `higher_is_better`: whether a greater score is the better one."""

    name: str
    kind: str
    languages: tuple[str, ...]
    arrays: Arrays
    reference: Arrays
    higher_is_better: bool
    card: dict[str, Any] = field(default_factory=dict)

    def rows(self, languages: Sequence[str | None]) -> NDArray[np.int64]:
        """The place of each language in the arrays; -1 for one that the model does not know."""
        place = {code: row for row, code in enumerate(self.languages)}
        return np.array([place.get(code or "", -1) for code in languages], np.int64)


def publish(lake: Lake, model: Model, provenance: Mapping[str, Any]) -> str:
    """Write a model to the lake; its digest. The same model has the same digest wherever it was trained."""
    head = {
        "name": model.name, "kind": model.kind, "languages": list(model.languages),
        "higher_is_better": model.higher_is_better, "arrays": sorted(model.arrays),
        "reference": {code: len(values) for code, values in sorted(model.reference.items())},
    }  # fmt: skip
    values = [values for _, values in sorted(model.reference.items())]
    arrays = {**model.arrays, _REFERENCE: np.concatenate([np.zeros(0, np.float32), *values])}
    with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
        files = []
        for name, array in sorted(arrays.items()):
            path = Path(folder) / f"{name}.npy"
            np.save(path, array, allow_pickle=False)
            files.append(lake.write_file(MODEL, path.name, path))
        card = Path(folder) / CARD
        card.write_bytes(canonical_json({**model.card, **head}))
        files.append(lake.write_file(MODEL, CARD, card))
        digest = lake.publish(MODEL, files, provenance).digest
    lake.storage.put_if_absent(f"{NAMED}/{model.name}/{digest}.json", canonical_json({"model": digest}))
    return digest


def named(lake: Lake) -> list[tuple[str, str]]:
    """(name, digest) of every model that was trained in this lake."""
    keys = [key.removesuffix(".json").split("/") for key in lake.storage.list(NAMED)]
    return [(name, digest) for _, name, digest in keys]


def read_card(lake: Lake, digest: str) -> dict[str, Any]:
    """The card of a model; raises ModelError."""
    try:
        manifest = lake.manifest(digest)
    except LakeError as error:
        raise ModelError(f"no score model {digest}: {error}; `gristmill score show` lists those of this lake") from None
    if manifest.dataset != MODEL:
        raise ModelError(f"{digest[:12]} is a {manifest.dataset} dataset, not a score's model")
    try:
        card: dict[str, Any] = json.loads(lake.path(manifest.file(CARD)).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"the card of score model {digest[:12]} cannot be read ({error}); train it again") from None
    return card


def load(lake: Lake, name: str, digest: str) -> Model:
    """The model that a profile calls `name`, read once per process. Raises ModelError."""
    if not isinstance(lake.storage, PosixStorage):
        raise ModelError("score models are read from a lake on a file system")
    return _load(lake.storage.root, name, digest)


@lru_cache(maxsize=8)
def _load(root: Path, name: str, digest: str) -> Model:
    lake = Lake(PosixStorage(root))
    card = read_card(lake, digest)
    if card["name"] != name:
        raise ModelError(
            f"stages.annotate.scores calls model {digest[:12]} '{name}', and its card '{card['name']}'; use that name"
        )
    manifest = lake.manifest(digest)
    if damaged := lake.damaged(manifest):
        raise ModelError(f"{damaged[0]} is lost or damaged; train score model '{name}' again")
    # Mapped, so that all processes of a machine share one copy.
    arrays = {n: np.asarray(np.load(lake.path(manifest.file(f"{n}.npy")), mmap_mode="r")) for n in card["arrays"]}
    values, at, reference = np.load(lake.path(manifest.file(f"{_REFERENCE}.npy"))), 0, {}
    for code, count in sorted(card["reference"].items()):
        reference[code] = values[at : at + count]
        at += count
    return Model(name, card["kind"], tuple(card["languages"]), arrays, reference, card["higher_is_better"], card)
