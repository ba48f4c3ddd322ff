"""`bench`: measurements of the machine at hand on the data at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pidcam import reports
from pidcam.detectors.base import detectors
from pidcam.errors import InputError, UnknownNameError
from pidcam.evaluation.tables import Table, table_text
from pidcam.files import require_absent, write_json, write_text
from pidcam.progress import progress, say
from pidcam.runs import provenance
from pidcam.store.loader import Loader
from pidcam.store.store import Store
from pidcam.training.batch_sizes import Trial, devices, try_batch_size
from pidcam.training.config import RunConfig
from pidcam.training.options import RISING
from pidcam.transforms.base import Chain
from pidcam.verbs.fitting import settle
from pidcam.verbs.prepare import prepare
from pidcam.verbs.simulate import simulate
from pidcam.verbs.train import configuration

KINDS = ("batch-size",)
SIZES = (32, 128, 512, 2048, 8192, 32768)
NAME = "batch_size"


@dataclass(frozen=True)
class BatchSizes:
    """The study of batch sizes of one model on one store: a trial per device and size, `metric` being what they reach
    on the `valid_events`."""

    path: Path
    store: Path
    detector: str
    model: str
    train_events: int
    valid_events: int
    seconds: float
    metric: str
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The trial that learnt most in its time."""
        sign = 1 if self.metric in RISING else -1
        known = [trial for trial in self.trials if trial.value is not None]
        return max(known, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path), "store": str(self.store), **provenance()}


def bench(
    kind: str,
    source: Path | str,
    out: Path | str | None = None,
    *,
    model: str | None = None,
    sizes: Sequence[int] = SIZES,
    seconds: float = 10.0,
    n: int = 5000,
    scale_lr: bool = False,
    set: Sequence[str] = (),
) -> BatchSizes:
    """`batch-size`: train a model with batches of each of `sizes` for the same time, on every device there is.

    source: a store, or a detector, of which `n` events of each species are simulated and prepared in `out` first; model
    and `set` (`key.sub=value`) as for `train`; seconds: training time of each trial; scale_lr: take the learning rate
    times sqrt(batch size / the recipe's), else it is the recipe's for all sizes.

    Writes `batch_size.json`, `.csv`, `.png` and `.pdf` into the folder `out`. Sizes above the number of training events
    are left out. Raises `InputError` for a model that does not learn in batches, `ExistsError` if `out` has a study.
    """
    if kind not in KINDS:
        raise UnknownNameError("bench", kind, KINDS)
    if seconds <= 0 or not sizes or min(sizes) < 1:
        raise InputError("sizes and seconds must be above zero", where="bench", fix="--sizes 32,512 --seconds 10")
    out = Path("bench") / f"batch-size-{Path(source).resolve().name}" if out is None else Path(out)
    require_absent(out / f"{NAME}.json", fix="choose another --out")
    store = _store(source, out, n)
    config, chain = settle(configuration(None, set, model=model), store)
    task = config.build_task(store.schema)
    of = {"selection": task.selection, "limit": config.training.limit}
    events = {split: Loader(store, split, **of).events for split in ("train", "valid")}  # type: ignore[arg-type]
    fitting = [size for size in sizes if size <= events["train"]]
    if left := [size for size in sizes if size not in fitting]:
        say(f"{', '.join(map(str, left))}: more than the {events['train']:,} training events, left out")
    trials = _trials(store, config, chain, fitting, seconds, scale_lr)
    sized = (events["train"], events["valid"], seconds, task.headline)
    result = BatchSizes(out, store.path, store.manifest.detector, config.model.name, *sized, trials)
    write_text(out / f"{NAME}.csv", table_text(trials_table(result), "csv"))
    if any(trial.seconds_per_epoch for trial in trials):
        reports.save(reports.batch_sizes(result.as_json()), out / NAME)
    else:
        say("no batch size could be measured: there is no figure, the notes of the table say why")
    write_json(out / f"{NAME}.json", result.as_json())
    return result


def trials_table(result: BatchSizes) -> Table:
    """A row per device and batch size."""
    label = "AUC" if result.metric == "auc" else result.metric
    columns = ("device", "batch size", "s/epoch", "events/s", "utilisation", "updates", f"valid {label}", "note")
    rows = tuple(
        (
            *(t.device, t.batch_size, t.seconds_per_epoch, t.events_per_second, t.utilisation, t.steps),
            *(None if t.value is None else (t.value, t.error), t.note),
        )
        for t in result.trials
    )
    title = (
        f"{result.model} on {result.detector}, {result.train_events:,} training events; "
        f"{label} after {result.seconds:g} s of training"
    )
    return Table(NAME, title, columns, rows)


def _store(source: Path | str, out: Path, n: int) -> Store:
    """The store named, or one of simulated events of the detector named, made in `out`."""
    if Path(source).exists():
        return Store(source)
    if str(source) not in detectors:
        known = f"detectors are: {', '.join(detectors)}"
        raise InputError("is neither a store nor a detector", where=source, fix=known)
    raw = simulate(str(source), n, out / "raw", seed=1)
    return prepare(str(source), raw.files, out / "store", seed=1)


def _trials(
    store: Store, config: RunConfig, chain: Chain, sizes: Sequence[int], seconds: float, scale_lr: bool
) -> tuple[Trial, ...]:
    found: list[Trial] = []
    places = [(device, size) for device in devices() for size in sizes]
    with progress("batch sizes", len(places)) as bar, TemporaryDirectory() as folder:
        for device, size in places:
            bar.note(f"{device}, {size}")
            lr = config.training.optimiser.lr * ((size / config.training.batch_size) ** 0.5 if scale_lr else 1)
            same = [t.precision for t in found if t.device == device and not t.note]
            training: dict[str, Any] = {"batch_size": size, "precision": (same or [config.training.precision])[0]}
            training["optimiser"] = config.training.optimiser.model_copy(update={"lr": lr})
            asked = config.model_copy(update={"training": config.training.model_copy(update=training)})
            found.append(try_batch_size(store, asked, chain, device, seconds, Path(folder) / f"{len(found)}"))
            bar.advance()
    return tuple(found)
