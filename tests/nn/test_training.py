"""Training: it learns, resumes exactly, and says when it cannot go on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dpskit.exceptions import InvalidParameterError, TrainingError
from dpskit.nn import NetworkConfig, TrainingOptions, train
from dpskit.nn.training import validate
from dpskit.synth import TrainingBatches

SMALL = NetworkConfig(
    in_channels=9, base_width=2, n_scales=2, kernel_size=4, skip="add", residual=True
)
BATCHES = TrainingBatches(seed=1, batch_size=2, patch=32, margin=8)


def options(steps, **more):
    return TrainingOptions(steps=steps, warmup=2, checkpoint_every=3, **more)


def test_training_lowers_the_loss():
    torch.set_num_threads(1)
    same = TrainingBatches(seed=1, batch_size=4, patch=32, margin=8)(0)
    net, history = train(SMALL, lambda step: same, options(250, averaging=0.9))
    assert history.loss[-1] < history.loss[0] - 0.1
    assert not net.training


def test_resumed_run_equals_uninterrupted_run(tmp_path):
    whole, _ = train(SMALL, BATCHES, options(6))
    path = tmp_path / "run.pt"

    def interrupted(step):
        if step == 5:
            raise KeyboardInterrupt
        return BATCHES(step)

    with pytest.raises(KeyboardInterrupt):
        train(SMALL, interrupted, options(6), checkpoint=path)
    assert torch.load(path, weights_only=True)["step"] == 3
    resumed, _ = train(SMALL, BATCHES, options(6), checkpoint=path)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)


def test_a_network_can_be_validated_before_another_is_trained():
    net, _ = train(SMALL, BATCHES, options(1))
    before = validate(net, BATCHES, options(1), 2)
    again, _ = train(SMALL, BATCHES, options(1))
    assert validate(again, BATCHES, options(1), 2) == before


def test_no_batch_is_made_that_is_not_shown():
    asked = []

    def batches(step):
        asked.append(step)
        return BATCHES(step)

    train(SMALL, batches, options(3))
    assert asked == [0, 1, 2]


def test_same_seed_gives_same_weights():
    a, b = (train(SMALL, BATCHES, options(3))[0] for _ in range(2))
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)


def test_new_input_channels_start_without_effect():
    few = replace(SMALL, in_channels=1)
    first, _ = train(few, replace(BATCHES, n_channels=1), options(3))
    second, _ = train(
        SMALL, BATCHES, options(1, learning_rate=1e-9), initial=first.state_dict()
    )
    x = torch.rand(1, 9, 32, 32)
    torch.testing.assert_close(second(x), first(x[:, :1]), atol=1e-5, rtol=1e-4)


def test_transfer_starts_from_the_first_network():
    """The two-step schedule: the second run begins where the first ended."""
    first, _ = train(SMALL, BATCHES, options(3))
    second, _ = train(
        SMALL, BATCHES, options(1, learning_rate=1e-9), initial=first.state_dict()
    )
    for x, y in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(x, y, atol=1e-6, rtol=1e-5)


def test_dead_output_is_an_error():
    dark = {k: np.zeros_like(v) for k, v in BATCHES(0).items()}
    with pytest.raises(TrainingError, match=r"must not die.* that are not empty"):
        train(SMALL, lambda step: dark, options(1))


def test_infinite_loss_is_an_error():
    bad = {k: np.full_like(v, np.inf) for k, v in BATCHES(0).items()}
    with pytest.raises(TrainingError, match=r"must be finite.* of TrainingOptions"):
        train(SMALL, lambda step: bad, options(1))


def test_checkpoint_of_another_network_is_refused(tmp_path):
    train(SMALL, BATCHES, options(1), checkpoint=tmp_path / "a.pt")
    other = NetworkConfig(in_channels=9, base_width=4, n_scales=2, kernel_size=4)
    with pytest.raises(TrainingError, match="same network"):
        train(other, BATCHES, options(1), checkpoint=tmp_path / "a.pt")


def test_rate_warms_up_and_falls():
    rate = TrainingOptions(steps=1000, warmup=100, learning_rate=1e-3).rate
    assert rate(0) == pytest.approx(1e-5)
    assert rate(100) == pytest.approx(1e-3)
    assert rate(999) == pytest.approx(2e-5, rel=0.01)


def test_bad_option_is_named():
    with pytest.raises(InvalidParameterError, match="'steps' parameter"):
        TrainingOptions(steps=0)


def test_bfloat16_training_stays_close_to_float32():
    a, _ = train(SMALL, BATCHES, options(3))
    b, _ = train(SMALL, BATCHES, options(3, precision="bfloat16"))
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(x, y, atol=2e-2, rtol=5e-2)
