"""Small sources of text: English and Chinese, made of words and characters in random order."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

ENGLISH = (
    "the river runs past an old mill where people of the village used to bring their corn before winter came and every "
    "family would wait for its turn while children played near the water and told each other stories about the miller "
    "who could count all grains in a sack by listening to them fall or so my grandmother always said when she was young"
)
CHINESE = (
    "河水流过古老的磨坊村民们在冬天来临之前把谷物带到这里每个家庭都等待"
    "着孩子们在水边玩耍讲述关于磨坊主人的故事他能听出袋子里有多少粒粮食"
)


@pytest.fixture(scope="session")
def pools() -> dict[str, list[str]]:
    """Language -> words."""
    rng = Random(3)
    words = ENGLISH.split()
    made = [word + rng.choice(words)[:2] for word in words for _ in range(20)]
    return {
        "en": [rng.choice(made) + " " for _ in range(6000)],
        "zh": [rng.choice(CHINESE) for _ in range(6000)],
    }


@pytest.fixture
def source(tmp_path: Path) -> Callable[[int], Path]:
    """A folder of so many texts of each language, the first two of each alike but for a few words."""

    def make(count: int) -> Path:
        rng = Random(4)
        texts: list[str] = []
        for pieces, between in ((ENGLISH.split(), " "), (list(CHINESE), "")):
            own = [between.join(rng.choice(pieces) for _ in range(400)) for _ in range(count)]
            texts += [own[0][:-30], *own[:-1]]
        folder = tmp_path / "source"
        folder.mkdir()
        with gzip.open(folder / "docs.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps({"text": text}) + "\n" for text in texts)
        with gzip.open(folder / "pairs.tsv.gz", "wt", encoding="utf-8") as out:
            out.write(f"i\tj\tjaccard5\n0\t1\t0.9\n{count}\t{count + 1}\t0.9\n")
        return folder

    return make
