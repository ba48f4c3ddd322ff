"""Whole numbers as text, compiled: tables of counts are written as fast as they are simulated."""

from __future__ import annotations

import numpy as np

from pidcam.compiled import compiled

WIDEST = 20
"""Characters of the longest 64-bit number with its sign, and one for what follows it is added."""


def whole_lines(table: np.ndarray, delimiter: str) -> bytes:
    """Rows of a table (rows, columns) int64 as lines of ASCII text."""
    text = np.empty(table.size * (WIDEST + 1), np.uint8)
    return text[: _write(table, ord(delimiter), text)].tobytes()


@compiled
def _write(table: np.ndarray, delimiter: int, text: np.ndarray) -> int:
    at = 0
    digits = np.empty(WIDEST, np.uint8)
    for row in range(len(table)):
        for column in range(table.shape[1]):
            if column:
                text[at] = delimiter
                at += 1
            rest = table[row, column]
            if rest < 0:
                text[at] = 45  # -
                at += 1
            count = 0
            while True:
                digits[count] = 48 + abs(rest) % 10
                rest = abs(rest) // 10
                count += 1
                if rest == 0:
                    break
            for n in range(count):
                text[at + n] = digits[count - 1 - n]
            at += count
        text[at] = 10  # end of line
        at += 1
    return at
