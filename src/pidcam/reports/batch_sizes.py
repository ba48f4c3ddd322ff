"""The batch size against speed, utilisation and what is learnt in a given time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from pidcam.errors import DataError
from pidcam.reports.style import colour, count, label_axes, marker, new_figure, styled


@styled
def batch_sizes(study: Mapping[str, Any]) -> Figure:
    """From `batch_size.json`: seconds per epoch, utilisation and the validation metric, a colour per device.

    Vertical bars are the statistical errors of the metric. Raises `DataError` where no trial could be measured.
    """
    trials = [trial for trial in study["trials"] if trial["seconds_per_epoch"]]
    if not trials:
        raise DataError("no batch size could be measured", where="bench", fix="see the notes in batch_size.json")
    metric = "AUC" if study["metric"] == "auc" else study["metric"]
    figure = new_figure(10.2, 3.2)
    time, use, learnt = figure.subplots(1, 3)
    for k, device in enumerate(dict.fromkeys(trial["device"] for trial in trials)):
        own = [trial for trial in trials if trial["device"] == device]
        look: dict[str, Any] = {"color": colour(k), "marker": marker(k), "label": device}
        size = [trial["batch_size"] for trial in own]
        time.plot(size, [trial["seconds_per_epoch"] for trial in own], **look)
        known = [trial for trial in own if trial["utilisation"] is not None]
        use.plot([t["batch_size"] for t in known], [100 * t["utilisation"] for t in known], **look)
        known = [trial for trial in own if trial["value"] is not None]
        values, errors = [t["value"] for t in known], [t["error"] or 0.0 for t in known]
        learnt.errorbar([t["batch_size"] for t in known], values, errors, **look)
    for panel in (time, use, learnt):
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        panel.tick_params(axis="x", labelsize=8)
        panel.xaxis.minorticks_off()
    time.set_yscale("log")
    use.set_ylim(0, 105)
    label_axes(time, "batch size", f"s per epoch of {count(study['train_events'])} events", study["model"])
    label_axes(use, "batch size", "utilisation of the device [%]", study["detector"])
    label_axes(learnt, "batch size", f"{metric} on {count(study['valid_events'])} validation events")
    learnt.set_title(f"after {study['seconds']:g} s each")
    time.legend(fontsize=8)
    return figure
