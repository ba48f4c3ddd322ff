"""Random orders that are a function of their key alone: the same bits on every machine and with every NumPy."""

from __future__ import annotations

import numpy as np
import xxhash

Key = int | str


def key_bits(*key: Key) -> int:
    """128 bits that depend on every part of the key; begin it with what the numbers are for."""
    plain = tuple(part if isinstance(part, str) else int(part) for part in key)  # a NumPy integer prints otherwise
    return xxhash.xxh3_128(repr(plain).encode()).intdigest()


def permutation(n: int, *key: Key) -> np.ndarray:
    """(n,) int64: a random order of 0 ... n-1, drawn from `key`."""
    # the order of raw 64-bit words: NumPy promises the words of a bit generator for ever, its `permutation` not
    return np.argsort(np.random.Philox(key=key_bits(*key)).random_raw(n), kind="stable")
