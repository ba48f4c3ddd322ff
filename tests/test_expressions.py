"""Selections: what they mean, and that nothing but a condition on columns is ever computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.errors import ConfigError, InputError, UnknownNameError
from pidcam.expressions import parse_selection

COLUMNS = {
    "energy": np.array([5.0, 25.0, 30.0, np.nan]),
    "eta": np.array([0.0, -1.5, 1.0, 0.0]),
    "hits.ecal": np.arange(4.0),
    "pdg": np.array([11.0, -11.0, 22.0, 13.0]),
    "beam p": np.arange(4.0),
}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("energy > 20 and abs(eta) < 1.2", "0010"),
        ("10 < energy <= 30", "0110"),
        ("energy > 20 or eta == 0", "1111"),
        ("not energy > 20", "1001"),  # a comparison with a missing value is not met
        ("isfinite(energy) and not energy > 20", "1000"),
        ("pdg in (11, -11)", "1100"),
        ("pdg not in [11, -11]", "0011"),
        ("(energy > 20) & ~(eta < 0)", "0010"),
        ("hits.ecal >= 2 or `beam p` == 0", "1011"),
        ("hypot(energy, eta)**2 < 26", "1000"),
        ("max(energy, 2 * pi) - 1 >= 24", "0110"),
        ("-eta / 0 > 0", "0100"),
        ("1 < 2", "1111"),
    ],
)
def test_what_a_selection_means(text: str, met: str) -> None:
    assert parse_selection(text, COLUMNS)(COLUMNS).tolist() == [c == "1" for c in met]


def test_a_selection_knows_the_columns_it_needs() -> None:
    assert parse_selection("energy > eta and energy < 3 * hits.ecal", COLUMNS).names == ("energy", "eta", "hits.ecal")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("energi > 3", "--select: unknown column 'energi'; did you mean 'energy'?"),
        ("sqroot(energy) > 3", "--select: unknown function 'sqroot'; did you mean 'sqrt'?"),
        ("energy", "--select: 'energy' has a number where a condition belongs: energy; write for example: "),
        ("energy > (eta > 1)", "--select: 'energy > (eta > 1)' has a condition where a number belongs: eta > 1; "),
        ("energy > 2 & eta < 0", "--select: 'energy > 2 & eta < 0' has a number where a condition belongs: 2; put "),
        ("energy > 2 && eta < 0", "--select: 'energy > 2 && eta < 0' cannot be read at '& eta < 0'; write 'and', "),
        ("energy >", "--select: 'energy >' cannot be read"),
        ("", "--select: '' is empty"),
        ("abs(energy, 2) > 1", "--select: 'abs(energy, 2) > 1' gives abs 2 values, it takes 1"),
        ("energy is 3", "--select: 'energy is 3' uses something that is no part of a selection: energy is 3; write =="),
        ("energy in 3", "--select: 'energy in 3' needs numbers between brackets after in, not 3"),
        ("True", "--select: 'True' has True, which is no number"),
        ("energy > 'a'", "--select: 'energy > 'a'' uses something that is no part of a selection: 'a'"),
        ("(" * 500 + "1" + ")" * 500, "--select: "),
        ("1" + "+1" * 6000, "--select: "),
        ("-" * 9000 + "1 > 0", "--select: "),
        ("9" * 5000 + " > energy", "--select: "),
    ],
)
def test_what_is_no_selection_says_why(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_selection(text, COLUMNS)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "energy.__class__", "(lambda: 1)()", "[x for x in (1,)]", "energy[0] > 1",
        "energy > 1 if eta else 2", "(energy := 3) > 2", "open('x')", "abs(*energy) > 1", "abs(x=energy) > 1",
        "f'{energy}'", "energy > 1; eta", "exec('1')", "(1).real > 0",
    ],
)  # fmt: skip
def test_nothing_else_is_understood(text: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError)):
        parse_selection(text, COLUMNS)


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_any_text_is_a_selection_or_one_clear_line(text: str) -> None:
    try:
        found = parse_selection(text, COLUMNS)(COLUMNS)
    except InputError:
        return
    assert (found.shape, found.dtype) == ((4,), bool)
