"""Weights: what was saved comes back, and damage is noticed."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dpskit.exceptions import WeightsError
from dpskit.nn import NetworkConfig, ResUDBPN
from dpskit.weights import list_weights, load_network, read_card, save_network

SMALL = NetworkConfig(base_width=2, n_scales=2, kernel_size=4)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    net = ResUDBPN(SMALL)
    card = save_network(net, tmp_path / "net.safetensors", {"seed": 5})
    return net, tmp_path / "net.safetensors", card


def test_round_trip_is_exact_to_float16(saved):
    net, path, _ = saved
    loaded = load_network(path)
    assert loaded.config == SMALL
    assert not loaded.training
    for a, b in zip(net.parameters(), loaded.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_card_is_read_without_the_network(saved):
    _, path, card = saved
    assert read_card(path) == card
    assert card["seed"] == 5


def test_network_is_loaded_once(saved):
    assert load_network(saved[1]) is load_network(saved[1])


def test_changed_tensors_are_noticed(saved):
    path = saved[1]
    data = bytearray(path.read_bytes())
    data[-3] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="SHA-256"):
        load_network(path)


@pytest.mark.parametrize("keep", [4, 100, 0.9])
def test_truncated_file_is_one_sentence(saved, keep):
    path = saved[1]
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    with pytest.raises(WeightsError, match=r"net\.safetensors"):
        load_network(path)


@pytest.mark.parametrize(
    "header",
    ["[1]", '{"__metadata__": {"card": "[]"}}', '{"__metadata__": {"card": "{}"}}'],
)
def test_headers_without_a_card_are_one_sentence(tmp_path, header):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    with pytest.raises(WeightsError, match="must hold a dpskit model card"):
        read_card(path)


@pytest.mark.parametrize(
    "change",
    [{"architecture": "Other"}, {"config": {"width": 3}}, {"config": {}}],
)
def test_a_network_of_another_version_is_one_sentence(saved, change):
    _, path, card = saved
    save_file(load_file(path), path, metadata={"card": json.dumps(card | change)})
    with pytest.raises(WeightsError, match=r"net\.safetensors must hold a network of"):
        load_network(path)


def test_unknown_weights_name_the_known():
    with pytest.raises(WeightsError, match=r"'compact'.*Got 'huge' instead"):
        load_network("huge")
    with pytest.raises(WeightsError, match=r"of Mine must be one of \['denoiser'\] or"):
        load_network("huge", network="denoiser", owner="Mine")


def test_failed_save_leaves_nothing(tmp_path):
    with pytest.raises((TypeError, OSError)):
        save_network(ResUDBPN(SMALL), tmp_path / "x.safetensors", {"bad": object()})
    assert not list(tmp_path.iterdir())


def test_shipped_weights_have_complete_cards():
    assert "compact" in list_weights()
    for name in list_weights():
        card = read_card(name)
        wanted = {"recipe", "seed", "data", "scores", "license", "sha256", "config"}
        assert wanted <= set(card)
        loss = np.array(card["history"]["loss"])
        tenth = max(len(loss) // 10, 1)
        rise = loss[-tenth:].mean() - loss[:tenth].mean()
        assert rise < (0.02 if card["recipe"].get("initial") else 0)


def test_all_shipped_weights_are_small():
    from dpskit.weights.registry import _FOLDER

    total = sum(p.stat().st_size for p in _FOLDER.glob("*.safetensors"))
    assert total < 40e6
