"""Arrow columns as arrays: nested lists are flattened through their buffers, never value by value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from pidcam.errors import DataError
from pidcam.formats.columns import AGAIN, NUMBERS, TEXT, Lists, Values


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list of any sort."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """What an extension type is stored as; tensors of one shape are nested lists."""
    if isinstance(kind, pa.FixedShapeTensorType):
        result = kind.value_type
        for axis in reversed(kind.permutation or range(len(kind.shape))):
            result = pa.list_(result, kind.shape[axis])
        return result
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def plain(array: pa.Array) -> pa.Array:
    """An array of type `plain_type`."""
    if isinstance(array, pa.FixedShapeTensorArray):
        tensor = array.to_numpy_ndarray()
        result = pa.array(np.ascontiguousarray(tensor).reshape(-1))
        for size in reversed(tensor.shape[1:]):
            result = pa.FixedSizeListArray.from_arrays(result, size)
        return result
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def holds(kind: pa.DataType) -> str:
    """What a column holds in the end, in words."""
    while is_list(kind):
        kind = kind.value_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if any(
        test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    ):
        return NUMBERS
    if _is_text(kind):
        return TEXT
    return f"records ({', '.join(f.name for f in kind)})" if pa.types.is_struct(kind) else f"values of type {kind}"


def first_shape(kind: pa.DataType, first: pa.Array | None) -> tuple[tuple[int, ...], bool]:
    """Shape of a row, and whether its length may vary: fixed sizes say it, of plain lists the `first` row does.

    Nested lists are taken for images, whose rows are all alike (which is checked when they are read).
    """
    shape: list[int] = []
    depth, fixed = 0, True
    while is_list(kind):
        depth += 1
        if pa.types.is_fixed_size_list(kind):
            shape.append(kind.list_size)
        else:
            fixed = False
            length = 0
            if first is not None and len(first) and first[0].is_valid:
                length = len(first[0])
            shape.append(length)
        kind = kind.value_type
        first = first.flatten() if first is not None else None
    return tuple(shape), depth == 1 and not fixed


def to_values(array: pa.Array, key: str, start: int, path: Path) -> Values:
    """A column as numbers (n, ...), as text (n,), or as `Lists`. Missing scalars are NaN; missing list entries and
    images of different shapes are `DataError`s that name the event."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not is_list(array.type):
        return _numbers(array)
    n = len(array)
    if not (is_list(array.type.value_type) or pa.types.is_fixed_size_list(array.type)):
        counts = np.diff(array.offsets.to_numpy())
        _require_values(array, array.flatten(), counts, key, start, path)
        return Lists(counts.astype(np.int64), _numbers(array.flatten()))
    shape: list[int] = []
    while is_list(array.type):
        if array.null_count:
            event = start + int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0]) * n // len(array)
            raise DataError(f"'{key}' has no value in event {event}", where=path, fix=AGAIN)
        shape.append(_size(array, n, key, start, path))
        array = array.flatten()
    per_event = np.full(n, int(np.prod(shape)))
    _require_values(None, array, per_event, key, start, path)
    return _numbers(array).reshape(n, *shape)


def _size(array: pa.Array, events: int, key: str, start: int, path: Path) -> int:
    """The one length that all lists have."""
    if pa.types.is_fixed_size_list(array.type):
        return int(array.type.list_size)
    counts = np.diff(array.offsets.to_numpy())
    if not len(counts):
        return 0
    wrong = counts != counts[0]
    if wrong.any():
        first = int(wrong.argmax())
        event = start + first * events // len(array)
        what = f"'{key}' has a row of {counts[first]} values in event {event}, the others have {counts[0]}"
        raise DataError(what, where=path, fix=AGAIN)
    return int(counts[0])


def _require_values(
    lists: pa.Array | None, values: pa.Array, counts: np.ndarray, key: str, start: int, path: Path
) -> None:
    missing = np.empty(0, np.int64)
    if lists is not None and lists.null_count:
        missing = np.flatnonzero(lists.is_null().to_numpy(zero_copy_only=False))
    elif values.null_count:
        place = np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[:1]
        missing = np.searchsorted(np.cumsum(counts), place, side="right")
    if len(missing):
        raise DataError(f"'{key}' has a missing value in event {start + int(missing[0])}", where=path, fix=AGAIN)


def _numbers(array: pa.Array) -> np.ndarray:
    if _is_text(array.type):
        return np.array(array.to_pylist(), dtype=object)
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.float64())
    if pa.types.is_boolean(array.type) and array.null_count:
        array = array.cast(pa.float32())
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _is_text(kind: pa.DataType) -> bool:
    """Also of bytes, which some writers take for text."""
    types = pa.types
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))
