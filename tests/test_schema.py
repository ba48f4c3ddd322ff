"""The schema: what is refused and in which words, and how classes are selected, merged and dropped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pidcam.errors import MismatchError, UnknownNameError
from pidcam.schema import Channel, ClassSelection, Column, EventSchema, Image, ParticleClass

ECAL = Image(name="ecal", shape=(4, 5), axes=("eta", "phi"), channels=(Channel(name="energy", unit="GeV"),))
SPECIES = ("electron", "photon", "pion", "proton")


def schema(**changes: Any) -> EventSchema:
    given = {
        "name": "toy",
        "images": (ECAL,),
        "features": (Column(name="pt", unit="GeV"),),
        "classes": tuple(ParticleClass(name=n) for n in SPECIES),
    }
    return EventSchema(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (4, 0)}, "image 'ecal' has shape (4, 0): every axis needs at least one cell"),
        ({"axes": ("eta",)}, "image 'ecal' has 1 axes for shape (4, 5)"),
        ({"pitch": (1.0, 1.0, 1.0)}, "image 'ecal' has 3 pitch for shape (4, 5)"),
        ({"low": (0.0,)}, "image 'ecal' has 1 low for shape (4, 5)"),
        ({"storage": "points"}, "image 'ecal' is stored as points and needs pitch and low"),
        ({"storage": "points", "pitch": (1.0, 0.0), "low": (0.0, 0.0)}, "image 'ecal' needs a positive pitch"),
        ({"shape": ()}, "at least 1 item"),
        ({"channels": ()}, "at least 1 item"),
        ({"storage": "sparse"}, "'auto', 'dense', 'cells' or 'points'"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_an_image_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match="1 validation error") as error:
        Image(**{**ECAL.model_dump(), **changes})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": (), "features": ()}, "an event needs at least one image or feature"),
        ({"features": (Column(name="ecal"),)}, "column 'ecal' is declared twice"),
        ({"targets": (Column(name="pt"),)}, "column 'pt' is declared twice"),
        ({"classes": (ParticleClass(name="pion"),) * 2}, "class 'pion' is declared twice"),
    ],
)
def test_a_schema_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        schema(**changes)
    assert message in str(error.value)


def test_a_schema_is_the_same_after_json() -> None:
    assert EventSchema.model_validate_json(schema().model_dump_json()) == schema()


def test_a_schema_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        schema().name = "other"  # type: ignore[misc]


def test_shapes_put_channels_first() -> None:
    assert ECAL.cells == 20
    assert ECAL.dense_shape == (1, 4, 5)


def test_an_unknown_image_names_the_nearest() -> None:
    assert schema().image("ecal") is not None
    with pytest.raises(UnknownNameError, match=r"unknown image 'ecla'; did you mean 'ecal'\?"):
        schema().image("ecla")


def test_a_class_is_found_by_pdg_id() -> None:
    leptons = schema(classes=(ParticleClass(name="electron", pdg=(11, -11)), ParticleClass(name="muon", pdg=(13, -13))))
    assert leptons.class_of_pdg(-13) == "muon"
    with pytest.raises(UnknownNameError, match="unknown PDG id '211'"):
        leptons.class_of_pdg(211)


# inputs and classes that must agree


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": (), "features": schema().features}, "store: has no image 'ecal', which 'toy' needs"),
        ({"features": ()}, "store: has no feature 'pt', which 'toy' needs"),
        (
            {"images": (ECAL.model_copy(update={"shape": (5, 4)}),)},
            "store: image 'ecal' is 5x4 of (energy [GeV]), expected 4x5 of (energy [GeV])",
        ),
        (
            {"images": (ECAL.model_copy(update={"channels": (Channel(name="energy", unit="MeV"),)}),)},
            "store: image 'ecal' is 4x5 of (energy [MeV]), expected 4x5 of (energy [GeV])",
        ),
        (
            {"features": (Column(name="pt", unit="MeV"),)},
            "store: feature 'pt' is a scalar [MeV], expected a scalar [GeV]",
        ),
    ],
)
def test_other_inputs_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MismatchError) as error:
        schema().require_same_inputs(schema(**changes), where="store")
    assert str(error.value) == message


def test_how_images_are_stored_and_what_else_there_is_does_not_matter() -> None:
    image = ECAL.model_copy(update={"storage": "dense"})
    extra = Column(name="eta")
    schema().require_same_inputs(schema(images=(image,), features=(extra, *schema().features)), where="store")


def test_another_class_order_is_refused() -> None:
    schema().require_same_classes(schema(), where="store")
    other = schema(classes=tuple(ParticleClass(name=n) for n in reversed(SPECIES)))
    with pytest.raises(MismatchError) as error:
        schema().require_same_classes(other, where="store")
    assert str(error.value).startswith(
        "store: classes are proton, pion, photon, electron, expected electron, photon, pion, proton; class order"
    )


# selection


def test_without_selection_every_class_keeps_its_number() -> None:
    selection = ClassSelection.of(None, schema())
    assert selection.names == SPECIES
    assert selection.table(schema()).tolist() == [0, 1, 2, 3]


def test_a_list_keeps_classes_in_the_order_given_and_drops_the_others() -> None:
    selection = ClassSelection.of(["pion", "electron"], schema())
    assert selection.names == ("pion", "electron")
    assert selection.table(schema()).tolist() == [1, -1, 0, -1]


def test_a_mapping_merges() -> None:
    selection = ClassSelection.of({"hadron": ["proton", "pion"], "signal": "photon"}, schema())
    assert selection.names == ("hadron", "signal")
    assert selection.table(schema()).tolist() == [-1, 1, 0, 0]


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(st.sampled_from(SPECIES), unique=True, max_size=4)))
def test_every_selected_class_has_its_groups_label(groups: dict[str, list[str]]) -> None:
    taken: set[str] = set()
    groups = {name: [m for m in members if not (m in taken or taken.add(m))] for name, members in groups.items()}  # type: ignore[func-returns-value]
    table = ClassSelection.of(groups, schema()).table(schema())
    for number, species in enumerate(SPECIES):
        labels = [label for label, members in enumerate(groups.values()) if species in members]
        assert table[number] == (labels[0] if labels else -1)


def test_a_class_that_is_unknown_or_used_twice_is_named() -> None:
    with pytest.raises(UnknownNameError) as error:
        ClassSelection.of({"signal": ["pion", "protn"]}, schema())
    assert str(error.value) == "classes.signal: unknown class 'protn'; did you mean 'proton'?"
    with pytest.raises(MismatchError, match=r"^classes\.rest: class 'pion' is selected twice$"):
        ClassSelection.of({"signal": ["pion"], "rest": ["proton", "pion"]}, schema())
