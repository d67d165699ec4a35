"""PReLU against torch's own, in both layouts."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from dpskit.nn.prelu import PReLU


@pytest.fixture
def layers():
    own, theirs = PReLU(6).double(), torch.nn.PReLU(6).double()
    slopes = torch.tensor([0.2, -0.1, 1.5, 0.0, 1.0, 0.3], dtype=torch.float64)
    own.weight.data, theirs.weight.data = slopes.clone(), slopes.clone()
    return own, theirs


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_values_and_gradients_are_those_of_torch(layers, layout):
    torch.manual_seed(0)
    x = torch.randn(3, 6, 5, 7, dtype=torch.float64)
    x[0, 0, 0] = 0
    grad = torch.randn_like(x)
    found = []
    for layer in layers:
        leaf = x.clone(memory_format=layout).requires_grad_()
        out = layer(leaf)
        out.backward(grad)
        assert out.is_contiguous(memory_format=layout)
        found.append((out.detach(), leaf.grad, layer.weight.grad))
    for own, theirs in zip(*found, strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [3, 200])
def test_without_gradients_the_input_is_overwritten(layers, dtype, size):
    own, theirs = (layer.to(dtype) for layer in layers)
    torch.manual_seed(1)
    x = torch.randn(2, 6, size + 1, size).to(dtype)
    x[0, :, 0] = torch.tensor([0.0, -0.0, torch.inf][:size] + [1.0] * (size - 3))
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = theirs(x)
        out = own(x)
    assert torch.equal(out, expected)
    assert out.data_ptr() == x.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [3, 200])
def test_another_image_is_added_in_the_same_pass(layers, dtype, sign, size):
    own, theirs = (layer.to(dtype) for layer in layers)
    torch.manual_seed(2)
    x, other = torch.randn(2, 2, 6, size + 1, size).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    leaf = x.clone().requires_grad_()
    with torch.no_grad():
        expected = theirs(x) + sign * other
        assert torch.equal(own(x, other, sign), expected)
    torch.testing.assert_close(own(leaf, other, sign).detach(), expected)


def test_calls_from_several_threads():
    layer, x = torch.nn.PReLU(6), torch.randn(1, 6, 200, 201)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = layer(x).numpy()
    assert np.array_equal(activated(x), expected)
    with ThreadPoolExecutor(4) as pool:
        for out in pool.map(activated, [x] * 8):
            assert np.array_equal(out, expected)


def activated(x):
    with torch.inference_mode():
        return PReLU(6)(x.clone(memory_format=torch.preserve_format)).numpy()
