"""Large images into HDF5: an event is cut into chunks along its last axis. Cells are never made dense, and a chunk
without a hit is left out, which HDF5 reads as zeros."""

from __future__ import annotations

import h5py
import numpy as np

from pidcam.compiled import compiled
from pidcam.events import Cells, Dense
from pidcam.formats.hdf5_chunks import deflated


class Pieces:
    """Writes images (channels, *axes) to a data set of chunks (1, channels, *axes but the last, step)."""

    def __init__(self, data: h5py.Dataset, level: int):
        self._data, self._level, self._shuffle = data, level, data.shuffle
        _, channels, *axes = data.shape
        self._length, self._step = axes[-1], data.chunks[-1]
        rows = int(np.prod(axes[:-1], dtype=np.int64))
        self._buffer = np.zeros((-(-self._length // self._step), channels, rows, self._step), data.dtype)

    def write(self, row: int, images: Cells | Dense) -> None:
        """Events from `row` on; the data set has been enlarged."""
        if isinstance(images, Dense):
            self._write_dense(row, images.values)
        else:
            self._write_cells(row, images)

    def _write_dense(self, row: int, values: np.ndarray) -> None:
        step, piece = self._step, self._buffer[0].reshape(1, *self._data.chunks[1:])[0]
        for event in range(len(values)):
            for number in range(len(self._buffer)):
                part = values[event, ..., number * step : (number + 1) * step]
                piece[..., : part.shape[-1]] = part
                piece[..., part.shape[-1] :] = 0
                self._write_piece(row + event, number, piece)
        piece[:] = 0

    def _write_piece(self, row: int, number: int, piece: np.ndarray) -> None:
        octets = piece.reshape(-1).view(np.uint8).reshape(-1, piece.itemsize)
        plain = (octets.T if self._shuffle else octets).tobytes()
        corner = (row, *[0] * (len(self._data.shape) - 2), number * self._step)
        self._data.id.write_direct_chunk(corner, deflated(plain, self._level))

    def _write_cells(self, row: int, cells: Cells) -> None:
        touched = np.zeros(len(self._buffer), np.bool_)
        for event in range(len(cells)):
            hits = slice(cells.offsets[event], cells.offsets[event + 1])
            _scatter(cells.place[hits], cells.value[hits], self._length, self._step, self._buffer, touched)
            for number in np.flatnonzero(touched):
                self._write_piece(row + event, int(number), self._buffer[number])
                self._buffer[number] = 0
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
