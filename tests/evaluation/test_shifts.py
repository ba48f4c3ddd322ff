"""What a shift does to events, cell by cell."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import schema

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError, InputError, UnknownNameError
from pidcam.evaluation.shifts import KINDS, parse_shift
from pidcam.schema import Channel, EventSchema, Image

SCHEMA = schema()


def batch(n=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hit = torch.rand(n, 1, 5, 5, generator=generator) < 0.3
    values = torch.rand(n, 2, 5, 5, generator=generator) * hit
    zeros = torch.zeros(n, dtype=torch.int64)
    return Batch({"ecal": values}, {}, {}, zeros, torch.ones(n), torch.zeros(n, 2, dtype=torch.int64))


def shifted(text, events=None, seed=0, schema=SCHEMA):
    events = events or batch()
    return parse_shift(text, schema)(events, schema, seed).images["ecal"]


def sparse(events):
    values = events.images["ecal"]
    hit = (values != 0).any(dim=1)
    place = hit.nonzero()
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), hit.flatten(1).sum(dim=1).cumsum(0)])
    value = values.movedim(1, -1)[hit]
    return replace(events, images={"ecal": SparseImage(offsets, place[:, 1:], value, (5, 5))})


def test_scale_acts_on_the_first_channel_alone():
    before = batch().images["ecal"]
    after = shifted("scale=1.5")
    assert torch.equal(after[:, 0], before[:, 0] * 1.5)
    assert torch.equal(after[:, 1], before[:, 1])


def test_the_events_that_came_in_stay_as_they_are():
    for text in ("scale=2", "noise=1", "noise_all=1", "threshold=5", "dead=0.5"):
        events = batch()
        before = events.images["ecal"].clone()
        shifted(text, events)
        assert torch.equal(events.images["ecal"], before)


def test_threshold_is_in_physical_units_and_drops_the_whole_cell():
    before = batch().images["ecal"]
    after = shifted("threshold=20")  # GeV; the channel counts in 50 GeV
    kept = before[:, 0] >= 0.4
    assert torch.equal(after, before * kept.unsqueeze(1))


def test_noise_is_gaussian_in_physical_units_on_hit_cells_only():
    events = batch(4000)
    before, after = events.images["ecal"], shifted("noise=5", events)
    hit = (before != 0).any(dim=1)
    added = (after - before)[:, 0]
    assert not added[~hit].any()
    assert added[hit].std().item() == pytest.approx(0.1, rel=0.03)  # 5 GeV in units of 50 GeV
    assert added[hit].mean().item() == pytest.approx(0, abs=0.003)
    assert torch.equal(after[:, 1], before[:, 1])


def test_noise_on_all_cells():
    events = batch(2000)
    added = shifted("noise_all=5", events)[:, 0] - events.images["ecal"][:, 0]
    assert added.std().item() == pytest.approx(0.1, rel=0.03)
    assert (added != 0).float().mean().item() > 0.99


def test_noise_is_drawn_by_the_seed_and_dead_cells_stay_dead():
    assert torch.equal(shifted("noise=5", seed=1), shifted("noise=5", seed=1))
    assert not torch.equal(shifted("noise=5", seed=1), shifted("noise=5", seed=2))
    assert torch.equal(shifted("dead=0.2", seed=1), shifted("dead=0.2", seed=2))


def test_dead_cells_are_the_same_in_every_event():
    events = batch(500)
    events = replace(events, images={"ecal": events.images["ecal"] + 1})
    dead = (shifted("dead=0.2", events) == 0).all(dim=1)
    assert torch.equal(dead, dead[:1].expand_as(dead))
    assert dead[0].sum() == 5  # a fifth of 25
    assert not (shifted("dead=0", events) == 0).any()
    assert (shifted("dead=1", events) == 0).all()


def test_steps_follow_one_another():
    events = batch()
    assert torch.equal(
        shifted("scale=2+threshold=20", events),
        shifted("threshold=20", replace(events, images={"ecal": shifted("scale=2")})),
    )


@pytest.mark.parametrize("text", ["scale=1.5", "threshold=20", "dead=0.2"])
def test_hits_are_shifted_as_cells_are(text):
    events = batch()
    dense, hits = shifted(text, events), shifted(text, sparse(events))
    again = torch.zeros_like(dense)
    for i in range(len(events)):
        mine = slice(int(hits.offsets[i]), int(hits.offsets[i + 1]))
        again[i, :, hits.place[mine, 0], hits.place[mine, 1]] = hits.value[mine].T
    assert torch.equal(again, dense)


def test_noise_on_hits():
    events = sparse(batch(1000))
    added = shifted("noise=5", events).value - events.images["ecal"].value
    assert added[:, 0].std().item() == pytest.approx(0.1, rel=0.05)
    assert not added[:, 1].any()


def test_dead_cells_of_points_are_found_by_their_coordinates():
    image = Image(name="ecal", shape=(4,), channels=(Channel(name="charge"),), pitch=(2.0,), low=(10.0,))
    points = SparseImage(torch.tensor([0, 4]), torch.tensor([[10.5], [12.5], [14.5], [17.0]]), torch.ones(4, 1), (4,))
    toy = EventSchema(name="toy", images=(image,))
    events = replace(batch(1), images={"ecal": points})
    left = parse_shift("dead=0.5", toy)(events, toy, 0).images["ecal"]
    grid = replace(events, images={"ecal": torch.ones(1, 1, 4)})
    alive = parse_shift("dead=0.5", toy)(grid, toy, 0).images["ecal"][0, 0].bool()
    assert torch.equal(left.place[:, 0], torch.tensor([10.5, 12.5, 14.5, 17.0])[alive])
    assert left.offsets.tolist() == [0, 2]


def test_one_image_of_several():
    two = EventSchema(name="two", images=(SCHEMA.images[0], SCHEMA.images[0].model_copy(update={"name": "hcal"})))
    events = replace(batch(), images={"ecal": batch().images["ecal"], "hcal": batch(seed=1).images["ecal"]})
    after = parse_shift("scale.hcal=2", two)(events, two, 0)
    assert torch.equal(after.images["ecal"], events.images["ecal"])
    assert torch.equal(after.images["hcal"][:, 0], 2 * events.images["hcal"][:, 0])


def test_titles_carry_units():
    titles = {text: parse_shift(text, SCHEMA).title(SCHEMA) for text in
              ("scale=1.02", "noise=0.05", "noise_all=0.05+threshold=0.1", "dead=0.01", "scale.ecal=2")}  # fmt: skip
    assert titles == {
        "scale=1.02": "scale 1.02",
        "noise=0.05": "noise of 0.05 GeV on hit cells",
        "noise_all=0.05+threshold=0.1": "noise of 0.05 GeV on all cells, then cells below 0.1 GeV lost",
        "dead=0.01": "1 % of the cells dead",
        "scale.ecal=2": "scale 2 in ecal",
    }


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("scal=1", UnknownNameError, "--shift: unknown shift 'scal'; did you mean 'scale'?"),
        ("scale", ConfigError, "--shift: 'scale' is not kind=value; write for example scale=1.02"),
        ("scale=x", ConfigError, "--shift: 'x' is no value for scale, which takes at least 0"),
        ("scale=-1", ConfigError, "--shift: '-1' is no value for scale, which takes at least 0"),
        ("noise=inf", ConfigError, "--shift: 'inf' is no value for noise, which takes at least 0"),
        ("dead=1.5", ConfigError, "--shift: '1.5' is no value for dead, which takes 0 to 1"),
        ("noise=nan", ConfigError, "--shift: 'nan' is no value for noise, which takes at least 0"),
        ("scale.hcal=1", UnknownNameError, "unknown image 'hcal'; did you mean 'ecal'?"),
    ],
)
def test_bad_shifts_are_one_line(text, kind, line):
    with pytest.raises(kind) as error:
        parse_shift(text, SCHEMA)
    assert str(error.value) == line


def test_what_has_no_empty_cells_or_no_images_is_told():
    with pytest.raises(InputError) as error:
        shifted("noise_all=1", sparse(batch()))
    assert str(error.value) == "--shift: a model that takes hits has no empty cells to put noise on; use noise"
    flat = EventSchema(name="flat", features=({"name": "pt"},))
    with pytest.raises(InputError) as error:
        parse_shift("scale=1", flat)
    assert str(error.value) == "--shift: 'flat' has no images to shift"


def test_every_kind_is_tested_here():
    assert np.array_equal(sorted(KINDS), ["dead", "noise", "noise_all", "scale", "threshold"])
