"""Which event goes into which split. Pure functions of labels, positions and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from pidcam.errors import ConfigError, DataError
from pidcam.schema import Spec
from pidcam.store.shuffle import permutation

OUTSIDE = -1


class Split(Spec):
    """How events are split: by `fractions` (stratified by class, drawn by the seed) or published `ranges` per class."""

    method: Literal["fractions", "official"]
    names: tuple[str, ...]
    fractions: tuple[float, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def text(self) -> str:
        if self.method == "official":
            ranges = (f"{name} {a}:{b}" for name, (a, b) in zip(self.names, self.ranges, strict=True))
            return f"official ({', '.join(ranges)})"
        return "/".join(f"{f:g}" for f in self.fractions) + " stratified"

    @classmethod
    def of(cls, text: str, official: Mapping[str, tuple[int, int]] | None = None) -> Split:
        """From what a user writes: `official`, or fractions such as `0.8/0.1/0.1` (train/valid/test)."""
        if text == "official":
            if not official:
                raise ConfigError(
                    "this detector has no official split", where="--split", fix="give fractions: 0.8/0.1/0.1"
                )
            return cls(method="official", names=tuple(official), ranges=tuple(official.values()))
        try:
            fractions = tuple(float(part) for part in text.split("/"))
        except ValueError:
            fractions = ()
        positive = len(fractions) in (2, 3) and all(0 < f < 1 for f in fractions)
        if not positive or abs(sum(fractions) - 1) > 1e-6:
            raise ConfigError(
                f"'{text}' is neither 'official' nor two or three positive fractions that add up to 1",
                where="--split",
                fix="for example 0.8/0.1/0.1 (train/valid/test) or 0.9/0.1 (train/test)",
            )
        names = ("train", "valid", "test") if len(fractions) == 3 else ("train", "test")
        return cls(method="fractions", names=names, fractions=fractions)

    def assign(self, label: np.ndarray, good: np.ndarray, seed: int, names: Mapping[int, str]) -> np.ndarray:
        """(n,) int8 index into `names` of the split for every raw event in file order, `OUTSIDE` where it is in none.

        `names` gives the class of every label that occurs. `good` marks the events that may be used; official ranges
        count all raw events of a class, so dropping one moves no other. Raises `DataError` if a class is too short for
        its official range.
        """
        result = np.full(len(label), OUTSIDE, np.int8)
        for number, name in names.items():
            mine = np.flatnonzero(label == number)
            if not len(mine):
                continue
            if self.method == "official":
                self._assign_ranges(result, mine, name)
            else:
                self._assign_fractions(result, mine[good[mine]], seed, name)
        result[~good] = OUTSIDE
        return result

    def _assign_ranges(self, result: np.ndarray, mine: np.ndarray, name: str) -> None:
        last = max(stop for _, stop in self.ranges)
        if len(mine) < last:
            raise DataError(
                f"the official split needs {last} events of class '{name}', the files hold {len(mine)}",
                fix="use --split 0.8/0.1/0.1 for a smaller sample",
            )
        for index, (start, stop) in enumerate(self.ranges):
            result[mine[start:stop]] = index

    def _assign_fractions(self, result: np.ndarray, mine: np.ndarray, seed: int, name: str) -> None:
        order = permutation(len(mine), "split", seed, name)
        edges = np.round(np.cumsum((0, *self.fractions)) * len(mine)).astype(int)
        for index in range(len(self.names)):
            result[mine[order[edges[index] : edges[index + 1]]]] = index
