"""The predictions table: one row per event, in memory and as Parquet.

Columns: `file` (name of the source file) and `row` say which event it is; `label` is the true class by name (null where
unknown), `weight` the event weight; then what the task predicts (`p_<class>` ...), then spectators (features and
targets). The class order is kept in the file's metadata.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pidcam.errors import DataError, InputError
from pidcam.files import atomic_path

METADATA = b"pidcam.predictions"


@dataclass(frozen=True)
class Predictions:
    """Predictions for n events.

    label (n,) int64 indexes `classes`, -1 where the truth is unknown; file (n,) indexes `files`; `columns` are the
    task's own (n,) float columns and `spectators` what the events brought along.
    """

    classes: tuple[str, ...]
    files: tuple[str, ...]
    label: np.ndarray
    weight: np.ndarray
    file: np.ndarray
    row: np.ndarray
    columns: dict[str, np.ndarray]
    spectators: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def classify(self) -> bool:
        """Whether there is a probability for every class."""
        return bool(self.classes) and all(f"p_{name}" in self.columns for name in self.classes)

    @property
    def probabilities(self) -> np.ndarray:
        """(n, classes) float64 from the columns `p_<class>`."""
        return np.stack([self.columns[f"p_{name}"] for name in self.classes], axis=1)

    def take(self, rows: np.ndarray) -> Predictions:
        """The events at `rows`: indices or a boolean mask."""
        scalars = {name: getattr(self, name)[rows] for name in ("label", "weight", "file", "row")}
        columns, spectators = ({k: v[rows] for k, v in each.items()} for each in (self.columns, self.spectators))
        return replace(self, **scalars, columns=columns, spectators=spectators)

    def to_table(self) -> pa.Table:
        names = pa.array(self.classes, pa.string())
        label = pa.array(self.label, pa.int32(), mask=self.label < 0)
        columns: dict[str, Any] = {
            "file": pa.DictionaryArray.from_arrays(pa.array(self.file, pa.int32()), pa.array(self.files, pa.string())),
            "row": self.row,
            "label": pa.DictionaryArray.from_arrays(label, names),
            "weight": self.weight,
            **self.columns,
            **self.spectators,
        }
        about = {"classes": self.classes, "files": self.files}
        about |= {"columns": tuple(self.columns), "spectators": tuple(self.spectators)}
        return pa.table(columns).replace_schema_metadata({METADATA: json.dumps(about)})

    def save(self, path: Path | str) -> None:
        """Write Parquet, atomically."""
        with atomic_path(path) as part:
            pq.write_table(self.to_table(), part)

    @classmethod
    def load(cls, path: Path | str) -> Predictions:
        """Read what `save` wrote; `DataError` if it is something else."""
        try:
            table = pq.read_table(path)
        except FileNotFoundError as error:
            raise InputError("no such file", where=path) from error
        except pa.ArrowInvalid as error:
            raise DataError("is not a Parquet file", where=path) from error
        about = json.loads((table.schema.metadata or {}).get(METADATA, b"null"))
        if about is None:
            raise DataError("is a Parquet file but holds no predictions", where=path)
        label, file = (table[name].combine_chunks() for name in ("label", "file"))
        files, classes = about["files"], about["classes"]
        # Parquet numbers the names as it likes
        of_file, of_class = (
            np.array([known.index(name) for name in column.dictionary.to_pylist()] or [-1])
            for column, known in ((file, files), (label, classes))
        )
        return cls(
            classes=tuple(classes),
            files=tuple(files),
            label=np.append(of_class, -1)[label.indices.fill_null(-1).to_numpy()].astype(np.int64),
            weight=table["weight"].to_numpy(),
            file=of_file[file.indices.to_numpy()],
            row=table["row"].to_numpy(),
            columns={name: table[name].to_numpy() for name in about["columns"]},
            spectators={name: table[name].to_numpy() for name in about["spectators"]},
        )
