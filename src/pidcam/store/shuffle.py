"""Random orders that are a function of their key alone: the same bits on every machine and with every NumPy."""

from __future__ import annotations

import numpy as np
import xxhash

from pidcam.compiled import compiled

Key = int | str


def key_bits(*key: Key) -> int:
    """128 bits that depend on every part of the key; begin it with what the numbers are for."""
    plain = tuple(part if isinstance(part, str) else int(part) for part in key)  # a NumPy integer prints otherwise
    return xxhash.xxh3_128(repr(plain).encode()).intdigest()


def permutation(n: int, *key: Key) -> np.ndarray:
    """(n,) int64: a random order of 0 ... n-1 < 2^32, drawn from `key`."""
    order = np.arange(n)
    # raw words: NumPy promises those of a bit generator for ever, but not its own `permutation`
    _shuffle(order, np.random.Philox(key=key_bits(*key)).random_raw(n))
    return order


def mixed(words: np.ndarray) -> np.ndarray:
    """(n,) uint64, of which every bit depends on every bit of the word: the finaliser of SplitMix64 (Steele, Lea and
    Flood, doi:10.1145/2660193.2660195)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


@compiled
def _shuffle(order, words):  # type: ignore[no-untyped-def]
    """Fisher and Yates's shuffle; a word w picks one of b places as w b / 2^64 (Lemire, arXiv:1805.10941)."""
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    for i in range(len(order) - 1, 0, -1):
        w, b = words[i], np.uint64(i + 1)
        j = ((w >> half) * b + (((w & low) * b) >> half)) >> half  # in halves, as there are no 128-bit integers
        order[i], order[j] = order[j], order[i]
