"""Every metric of the table prefers the better image and leaves inputs alone."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import METRICS, metric_text


@pytest.mark.parametrize("name", METRICS)
def test_sign_prefers_the_better_image(name):
    metric, sign = METRICS[name]
    reference = np.random.default_rng(0).random((48, 40)) * 100
    slightly, strongly = (gaussian_filter(reference, s) for s in (0.4, 1.5))
    assert metric.__name__ == name
    assert sign * metric(reference, slightly) > sign * metric(reference, strongly)
    assert isinstance(metric(reference, slightly), float)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_inputs_of_any_type_and_layout_are_left_alone(name, dtype):
    metric, _ = METRICS[name]
    rng = np.random.default_rng(1)
    reference, image = (rng.random((2, 40, 33)) * 200).astype(dtype)
    expected = metric(reference, image)
    reference, image = np.asfortranarray(reference), image[::-1][::-1]
    before = reference.copy(), image.copy()
    for array in (reference, image):
        array.flags.writeable = False
    assert metric(reference, image) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(before[0], reference)
    np.testing.assert_array_equal(before[1], image)


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("psnr", "b", "'value' parameter of metric_text must be a float. Got 'b'"),
        ("psnr", None, "'value' parameter of metric_text must be a float. Got None"),
        (["psnr"], 1.0, "'metric' parameter of metric_text must be an instance of str"),
    ],
)
def test_metric_text_names_the_parameter_of_another_kind(metric, value, words):
    with pytest.raises(InvalidParameterError, match=words):
        metric_text(metric, value)


def test_metric_text_takes_numbers_of_numpy():
    assert metric_text("psnr", np.float32(31.25)) == ("PSNR", "31.2 dB")
    assert metric_text("mine", np.int64(3)) == ("mine", "3")


def test_table_cannot_be_changed():
    with pytest.raises(TypeError):
        METRICS["mine"] = None
