"""Large, sparse images into HDF5 without ever being dense: an event is cut into chunks along its last axis, and a chunk
without a hit is left out, which HDF5 reads as zeros."""

from __future__ import annotations

import h5py
import numpy as np

from pidcam.compiled import compiled
from pidcam.events import Cells
from pidcam.formats.hdf5_chunks import deflated


class Pieces:
    """Writes the cells of images (channels, *axes) to a data set of chunks (1, channels, *axes but the last, step)."""

    def __init__(self, data: h5py.Dataset, level: int):
        self._data, self._level = data, level
        _, channels, *axes = data.shape
        self._length, self._step = axes[-1], data.chunks[-1]
        rows = int(np.prod(axes[:-1], dtype=np.int64))
        self._buffer = np.zeros((-(-self._length // self._step), channels, rows, self._step), data.dtype)

    def write(self, row: int, cells: Cells) -> None:
        """Events from `row` on; the data set has been enlarged."""
        touched = np.zeros(len(self._buffer), np.bool_)
        for event in range(len(cells)):
            hits = slice(cells.offsets[event], cells.offsets[event + 1])
            _scatter(cells.place[hits], cells.value[hits], self._length, self._step, self._buffer, touched)
            for number in np.flatnonzero(touched):
                piece = self._buffer[number]
                shuffled = piece.reshape(-1).view(np.uint8).reshape(-1, piece.itemsize).T.tobytes()
                corner = (row + event, *[0] * (len(self._data.shape) - 2), int(number) * self._step)
                self._data.id.write_direct_chunk(corner, deflated(shuffled, self._level))
                piece[:] = 0
            touched[:] = False


@compiled
def _scatter(
    place: np.ndarray, value: np.ndarray, length: int, step: int, pieces: np.ndarray, touched: np.ndarray
) -> None:
    for hit in range(len(place)):
        row, at = divmod(np.int64(place[hit]), length)
        number = at // step
        touched[number] = True
        for channel in range(value.shape[1]):
            pieces[number, channel, row, at - number * step] = value[hit, channel]
