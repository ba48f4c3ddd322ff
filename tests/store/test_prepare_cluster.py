"""prepare on a Dask cluster: the same store bit for bit; a cluster that is not there is one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pidcam.errors import DataError, InputError
from pidcam.jobs import cluster

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler and two workers, which are threads here: they know the toy format."""
    options: dict[str, Any] = {"processes": False, "dashboard_address": None, "protocol": "tcp"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as local:
        yield local.scheduler_address


def test_a_cluster_makes_the_same_store(toy: SimpleNamespace, tmp_path: Path, address: str) -> None:
    files = [toy.save(tmp_path / f"{k}.toy", toy.events(60, k, occupancy=0.9), 9) for k in range(3)]
    options = {"shard_events": 20, "select": "pt > -1", "reweight": "pt:3", "keep_duplicates": True}
    alone = toy.prepare(files, tmp_path / "alone", **options)
    with cluster(address) as executor:
        together = toy.prepare(files, tmp_path / "together", executor=executor, **options)
        bad = toy.events(20)
        bad.features["pt"][3] = float("nan")
        with pytest.raises(DataError, match=r"bad\.toy: feature 'pt' is nan in event 3"):
            toy.prepare([toy.save(tmp_path / "bad.toy", bad)], tmp_path / "refused", executor=executor)
    contents = [{p.name: p.read_bytes() for p in s.path.iterdir()} for s in (alone, together)]
    assert contents[0] == contents[1]


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pidcam.jobs.CLUSTER_SECONDS", 0.3)
    with pytest.raises(InputError, match=r"^tcp://127\.0\.0\.1:9: no Dask scheduler answers here; start one with"):
        cluster("tcp://127.0.0.1:9").__enter__()
    with pytest.raises(InputError, match="no Dask scheduler answers here"):
        cluster("nonsense").__enter__()
