"""Compiled text of whole numbers is what Python writes."""

import numpy as np

from pidcam.formats.text_digits import whole_lines


def test_whole_numbers() -> None:
    table = np.array([[0, 7, -1, 10], [255, -65535, (1 << 53) - 1, -((1 << 53) - 1)]], np.int64)
    expected = "".join(",".join(map(str, row)) + "\n" for row in table.tolist())
    assert whole_lines(table, ",") == expected.encode()
    assert whole_lines(table[:0], " ") == b""
