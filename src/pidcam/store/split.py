"""Which event goes into which split. Pure functions of labels, positions and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from pidcam.errors import ConfigError, DataError
from pidcam.schema import Spec
from pidcam.store.groups import NOBODY, OUTSIDE, assign_groups
from pidcam.store.shuffle import key_bits, mixed, permutation

TEST = "test"

HASH = "hash:"
"""Before fractions that are drawn event by event."""

MIN_FOLDS, MAX_FOLDS = 3, 100
"""One fold to test on, one to validate on, at least one to train on."""


class Split(Spec):
    """How events are split: by `fractions` (stratified by class, drawn by the seed), by fractions that hold on average,
    drawn by a `hash` of each event alone, by published `ranges` per class, or into `folds`, which are equal fractions.
    Names beyond the fractions are splits of files of their own."""

    method: Literal["fractions", "hash", "official", "folds"]
    names: tuple[str, ...]
    fractions: tuple[float, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def training(self) -> tuple[str, ...]:
        """Splits that statistics are taken from: the training split; all folds, each of which trains most models."""
        return self.names if self.method == "folds" else ("train",)

    @property
    def text(self) -> str:
        if self.method == "official":
            ranges = (f"{name} {a}:{b}" for name, (a, b) in zip(self.names, self.ranges, strict=True))
            return f"official ({', '.join(ranges)})"
        if self.method == "folds":
            return f"{len(self.names)} folds stratified"
        apart = ", test in files of its own" if len(self.names) > len(self.fractions) else ""
        how = "by hash" if self.method == "hash" else "stratified"
        return "/".join(f"{f:g}" for f in self.fractions) + f" {how}{apart}"

    def with_test_files(self) -> Split:
        """Two fractions for train and valid, the test split being files of its own. `ConfigError` for other splits."""
        if self.method not in ("fractions", "hash") or len(self.fractions) != 2:
            what = "the files of --test are the test split, so that --split has to give two fractions"
            raise ConfigError(what, where="--split", fix="for example 0.9/0.1 (train/valid)")
        return self.model_copy(update={"names": ("train", "valid", TEST)})

    @classmethod
    def of(cls, text: str, official: Mapping[str, tuple[int, int]] | None = None) -> Split:
        """From what a user writes: `official`, `folds:5`, or fractions such as `0.8/0.1/0.1` (train/valid/test), also
        after `hash:`."""
        if text == "official":
            if not official:
                raise ConfigError(
                    "this detector has no official split", where="--split", fix="give fractions: 0.8/0.1/0.1"
                )
            return cls(method="official", names=tuple(official), ranges=tuple(official.values()))
        if text.startswith("folds"):
            return cls._of_folds(text)
        hashed = text.startswith(HASH)
        try:
            fractions = tuple(float(part) for part in text.removeprefix(HASH).split("/"))
        except ValueError:
            fractions = ()
        positive = len(fractions) in (2, 3) and all(0 < f < 1 for f in fractions)
        if not positive or abs(sum(fractions) - 1) > 1e-6:
            raise ConfigError(
                f"'{text}' is neither 'official', 'folds:K' nor two or three positive fractions that add up to 1",
                where="--split",
                fix="for example 0.8/0.1/0.1 (train/valid/test), 0.9/0.1 (train/test), hash:0.8/0.1/0.1 or folds:5",
            )
        names = ("train", "valid", "test") if len(fractions) == 3 else ("train", "test")
        return cls(method="hash" if hashed else "fractions", names=names, fractions=fractions)

    def drawn(self, keys: np.ndarray, seed: int) -> np.ndarray:
        """(n,) int8 index of the split of each event, by its key (n,) uint64 and the seed alone: method `hash`."""
        salt = np.uint64(key_bits("split", seed) & 0xFFFFFFFFFFFFFFFF)
        uniform = (mixed(keys ^ salt) >> np.uint64(11)) * 2.0**-53
        return np.searchsorted(np.cumsum(self.fractions)[:-1], uniform, side="right").astype(np.int8)

    @classmethod
    def _of_folds(cls, text: str) -> Split:
        number = text.removeprefix("folds").removeprefix(":")
        folds = int(number) if number.isdecimal() else 0
        if not MIN_FOLDS <= folds <= MAX_FOLDS:
            raise ConfigError(
                f"'{text}' gives no number of folds from {MIN_FOLDS} to {MAX_FOLDS}",
                where="--split",
                fix="for example folds:5 (of which one tests, one validates and three train)",
            )
        return cls(method="folds", names=tuple(f"fold{k}" for k in range(folds)), fractions=tuple([1 / folds] * folds))

    def assign(
        self,
        label: np.ndarray,
        good: np.ndarray,
        seed: int,
        names: Mapping[int, str],
        group: np.ndarray | None = None,
        apart: np.ndarray | None = None,
        keys: np.ndarray | None = None,
    ) -> np.ndarray:
        """(n,) int8 index into `names` of the split for every raw event in file order, `OUTSIDE` where it is in none.

        `names` gives the class of every label that occurs. `good` marks the events that may be used; official ranges
        count all raw events of a class, so dropping one moves no other. Events of one `group` (n,) stay together,
        those marked in `apart` (n,) are the test split. Raises `DataError` if a class is too short for its official
        range or lies in too few groups. `keys` (n,) are what the method `hash` draws by.
        """
        if apart is not None and apart.any():
            result = self.assign(label, good & ~apart, seed, names, group, keys=keys)
            result[good & apart] = self.names.index(TEST)
            return result
        if group is not None:
            used = np.where(good, group, NOBODY)
            return assign_groups(label, used, np.array(self.fractions), seed, self.names[: len(self.fractions)], names)
        if self.method == "hash":
            assert keys is not None
            return np.where(good, self.drawn(keys, seed), OUTSIDE).astype(np.int8)
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
        for index in range(len(self.fractions)):
            result[mine[order[edges[index] : edges[index + 1]]]] = index
