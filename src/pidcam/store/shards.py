"""Event batches <-> Arrow IPC files: one record batch a file, read back as views on the mapped file.

Columns: `label` int16 (index into the schema's classes), `weight` float32, `file` int32 (index into the manifest's
sources), `row` int64, `feature.<name>` and `target.<name>` float32, and for each image `image.<name>`:
dense   fixed_size_list<float>[channels x cells]
cells   large_list<struct<cell: uint16 | uint32, value: fixed_size_list<float>[channels]>>
points  large_list<struct<position: fixed_size_list<float32>[axes], value: fixed_size_list<float>[channels]>>
where float is float32 or, if that was asked for, float16; int16 in parts of a simulation of a detector that counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import DTypeLike
from pyarrow import ipc

from pidcam.errors import DataError
from pidcam.events import Cells, Dense, EventBatch, Images, Points, Ragged
from pidcam.files import atomic_path, reading
from pidcam.schema import EventSchema, Image
from pidcam.store.manifest import Shard

AGAIN = "prepare the store again"
MISSING = "a shard of the store is missing"


def write_shard(path: Path, batch: EventBatch) -> Shard:
    """Write `batch` atomically; the same events give the same bytes."""
    columns: dict[str, pa.Array] = {
        "label": _array(batch.label, np.int16),
        "weight": _array(batch.weight, np.float32),
        "file": _array(batch.file, np.int32),
        "row": _array(batch.row, np.int64),
    }
    for kind in ("feature", "target"):
        for name, values in getattr(batch, f"{kind}s").items():
            columns[f"{kind}.{name}"] = _array(values, np.float32)
    columns |= {f"image.{name}": _to_arrow(images) for name, images in batch.images.items()}
    record = pa.record_batch(columns)
    with atomic_path(path) as part:
        with ipc.new_file(str(part), record.schema) as writer:
            writer.write_batch(record)
        checksum, size = file_checksum(part), part.stat().st_size
    return Shard(file=path.name, events=len(batch), bytes=size, checksum=checksum)


def read_shard(path: Path, schema: EventSchema) -> EventBatch:
    """The events of one shard as views on the mapped file; nothing is read until it is touched.

    Raises `DataError` if the file is missing or damaged or lacks a column.
    """
    record = _open(path)

    def column(name: str) -> pa.Array:
        if name not in record.schema.names:
            raise DataError(f"has no column '{name}'", where=path, fix=AGAIN)
        return record.column(name)

    return EventBatch(
        images={i.name: _from_arrow(column(f"image.{i.name}"), i) for i in schema.images},
        features={c.name: column(f"feature.{c.name}").to_numpy() for c in schema.features},
        targets={c.name: column(f"target.{c.name}").to_numpy() for c in schema.targets},
        **{name: column(name).to_numpy() for name in ("label", "row", "file", "weight")},
    )


def file_checksum(path: Path) -> str:
    """xxh3-128 of the whole file, as hex."""
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _open(path: Path) -> pa.RecordBatch:
    try:
        # the file is closed again when this returns: a mapping needs no open file, and there may be many thousands
        with reading(path):
            return ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except FileNotFoundError as error:
        raise DataError(MISSING, where=path, fix=AGAIN) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError("a shard of the store is damaged", where=path, fix=AGAIN) from error


def _array(values: np.ndarray, kind: DTypeLike) -> pa.Array:
    """As it lies in memory. `pa.array` imports pandas, where that is installed: a second in every process."""
    lying = np.ascontiguousarray(values, kind)
    return pa.Array.from_buffers(pa.from_numpy_dtype(lying.dtype), len(lying), [None, pa.py_buffer(lying)])


def _rows(values: np.ndarray) -> pa.Array:
    kind = values.dtype if values.dtype in (np.float16, np.int16) else np.float32
    return pa.FixedSizeListArray.from_arrays(_array(values.reshape(-1), kind), int(np.prod(values.shape[1:])))


def _to_arrow(images: Images) -> pa.Array:
    if isinstance(images, Dense):
        return _rows(images.values)
    points = isinstance(images, Points)
    place = _rows(images.place) if points else _array(images.place, images.place.dtype)
    hits = pa.StructArray.from_arrays([place, _rows(images.value)], ["position" if points else "cell", "value"])
    return pa.LargeListArray.from_arrays(_array(images.offsets, np.int64), hits)


def _from_arrow(column: pa.Array, image: Image) -> Images:
    if isinstance(column, pa.FixedSizeListArray):
        return Dense(column.values.to_numpy().reshape(-1, *image.dense_shape))
    hits = column.values
    value = hits.field("value").values.to_numpy().reshape(len(hits), len(image.channels))
    kind: type[Ragged]
    if hits.type.field(0).name == "cell":
        kind, place = Cells, hits.field("cell").to_numpy()
    else:
        kind, place = Points, hits.field("position").values.to_numpy().reshape(len(hits), len(image.shape))
    return kind(column.offsets.to_numpy(), place, value)
