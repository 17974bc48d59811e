"""Bits per byte on held-out documents: comparable between models, tokenizers and languages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from gristmill.lake import Lake
from gristmill.schemas import END_OF_TEXT
from training.batch import plain_batch
from training.model import Transformer


@dataclass(frozen=True)
class Document:
    """A held-out document: its text's tokens (without end-of-text) and the UTF-8 bytes that they stand for."""

    language: str
    bytes: int
    tokens: NDArray[np.int64]


@dataclass
class BitsPerByte:
    """Sums over documents; `overall` and `languages` are bits per byte."""

    nats: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def add(self, document: Document, nats: float) -> None:
        """Count the negative log-likelihood of one document."""
        self.nats[document.language] = self.nats.get(document.language, 0.0) + nats
        self.bytes[document.language] = self.bytes.get(document.language, 0) + document.bytes

    @property
    def overall(self) -> float:
        return sum(self.nats.values()) / math.log(2) / max(1, sum(self.bytes.values()))

    @property
    def languages(self) -> dict[str, float]:
        return {k: self.nats[k] / math.log(2) / max(1, self.bytes[k]) for k in sorted(self.nats)}


def held_out(lake: Lake, tokens: str) -> list[Document]:
    """The validation documents of a token dataset."""
    documents = []
    for entry in lake.manifest(tokens).files:
        if entry.unit.startswith("validation"):
            for row in lake.read_file(entry, ["language", "bytes", "tokens"]).to_pylist():
                ids = np.array(row["tokens"][:-1], np.int64)
                documents.append(Document(row["language"], row["bytes"], ids))
    return documents


def unigram_bits(documents: Sequence[Document], stream: NDArray[np.uint32], vocabulary: int) -> BitsPerByte:
    """A unigram token model with add-one smoothing over the training stream, end-of-text aside."""
    counts = np.bincount(stream, minlength=vocabulary).astype(np.float64) + 1
    counts[END_OF_TEXT] = 0
    with np.errstate(divide="ignore"):
        cost = -np.log(counts / counts.sum())
    result = BitsPerByte()
    for document in documents:
        result.add(document, float(cost[document.tokens].sum()))
    return result


@torch.no_grad()
def model_bits(
    model: Transformer, documents: Sequence[Document], length: int, vocabulary: int, batch_tokens: int = 1024
) -> BitsPerByte:
    """Every token of every document is scored once, in windows of `length`, among the `vocabulary` of the tokenizer:
    the special tokens of objectives are no text.

    The first is conditioned on end-of-text alone; a later window starts from its predecessor's last token.
    `batch_tokens` bounds the logits in memory.
    """
    model.eval()
    nats = np.zeros(len(documents))
    for group in _batched(_windows(documents, length), max(1, batch_tokens // length)):
        inputs = torch.zeros(len(group), length, dtype=torch.int64)
        targets = torch.full((len(group), length), -100, dtype=torch.int64)
        for row, (_, window) in enumerate(group):
            inputs[row, : len(window) - 1] = torch.from_numpy(window[:-1])
            targets[row, : len(window) - 1] = torch.from_numpy(window[1:])
        logits = model.logits(model(plain_batch(inputs)))[..., :vocabulary].float()
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=-100)
        for (number, _), loss in zip(group, losses.view(len(group), length).sum(1).tolist(), strict=True):
            nats[number] += loss
    result = BitsPerByte()
    for document, value in zip(documents, nats, strict=True):
        result.add(document, float(value))
    return result


def _windows(documents: Sequence[Document], length: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for number, document in enumerate(documents):
        tokens = np.concatenate([[END_OF_TEXT], document.tokens])
        for start in range(0, len(tokens) - 1, length):
            yield number, tokens[start : start + length + 1]


def _batched(
    windows: Iterator[tuple[int, NDArray[np.int64]]], size: int
) -> Iterator[list[tuple[int, NDArray[np.int64]]]]:
    group: list[tuple[int, NDArray[np.int64]]] = []
    for window in windows:
        group.append(window)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
