"""The sentences that refuse an array."""

import numpy as np
import pytest
from scipy import sparse

from dpskit._utils.validation import check_image
from dpskit.exceptions import InvalidParameterError

FAULTS = [
    np.full((4, 4), np.nan),
    np.zeros((4, 4), complex),
    np.zeros((0, 4)),
    np.zeros(4),
    [["a"]],
    [[1, 2], [3]],
    np.array([[object()]]),
    sparse.eye_array(4),
    np.ma.masked_less(np.arange(16).reshape(4, 4), 3),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize(
    ("name", "words"), [("X", "image X"), ("image", "image"), ("images", "image")]
)
def test_an_image_is_named_once(fault, name, words):
    with pytest.raises(InvalidParameterError) as error:
        check_image(fault, "F", name=name)
    sentence = str(error.value)
    assert sentence.startswith("F expects a")
    assert f" {words}" in sentence
    assert "image image" not in sentence


def test_a_mask_that_hides_nothing_is_no_fault():
    image = np.ma.masked_less(np.ones((4, 4)), 0)
    assert type(check_image(image, "F")) is np.ndarray
