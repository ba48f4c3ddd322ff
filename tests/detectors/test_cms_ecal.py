"""The detector `cms-ecal` says what the published files say."""

from __future__ import annotations

from pidcam.detectors.base import detectors
from pidcam.formats.layout import formats

ECAL = detectors["cms-ecal"]()


def test_the_schema() -> None:
    schema = ECAL.schema
    assert schema.name == ECAL.name == "cms-ecal"
    (image,) = schema.images
    assert image.dense_shape == (2, 32, 32)
    assert image.axes == ("eta", "phi")
    assert [(c.name, c.unit) for c in image.channels] == [("energy", "50 GeV"), ("time", "ns")]
    assert schema.class_names == ("photon", "electron"), "the order of the labels in the files"
    assert [schema.class_of_pdg(pdg) for pdg in (22, 11, -11)] == ["photon", "electron", "electron"]
    assert schema.content_identifies


def test_the_layout_names_every_part() -> None:
    assert ECAL.layout.format in formats
    assert set(ECAL.layout.images) == {image.name for image in ECAL.schema.images}
    assert ECAL.layout.label is not None
    assert ECAL.layout.label.values == dict(enumerate(ECAL.schema.class_names))


def test_the_published_split() -> None:
    """160,000 + 25,600 + 25,600 events per class, end to end, of 249,000."""
    split = ECAL.official_split
    assert list(split) == ["train", "valid", "test"]
    assert [stop - start for start, stop in split.values()] == [160_000, 25_600, 25_600]
    assert split["train"][0] == 0
    assert split["train"][1] == split["valid"][0]
    assert split["valid"][1] == split["test"][0]


def test_the_published_files() -> None:
    sizes = {file.name: set(file.sha256) for file in ECAL.files}
    assert sizes == {
        "SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5": {87_010_508, 128_927_319},
        "SinglePhotonPt50_IMGCROPS_n249k_RHv1.hdf5": {79_876_391, 119_703_858},
    }
    urls = [url for file in ECAL.files for url in file.urls.values()]
    assert len(set(urls)) == 4
    for file in ECAL.files:
        assert list(file.urls) == ["newer", "older"]
        for url in file.urls.values():
            assert url.startswith("https://cernbox.cern.ch/remote.php/dav/public-files/")
            assert url.endswith(f"/{file.name}")
