"""``dpskit train`` and ``dpskit weights``, a few steps only."""

import json

import pytest

from dpskit.cli.main import main
from dpskit.synth import TrainingBatches
from dpskit.weights import list_weights, load_network, read_card

SHORT = ["--batch-size", "1", "--quiet", "--device", "cpu"]


def train(out, *arguments):
    return main(["train", "--out", str(out), *SHORT, *arguments])


def test_training_writes_weights_with_a_card(tmp_path):
    out = tmp_path / "mine.safetensors"
    assert train(out, "--steps", "2", "--seed", "5") == 0
    card = read_card(out)
    assert card["recipe"]["steps"] == 2
    assert card["recipe"]["seed"] == card["data"]["seed"] == card["seed"] == 5
    assert load_network(out).config.in_channels == 9


def test_a_share_of_the_images_is_reconstructed(tmp_path, capsys):
    out = tmp_path / "sim.safetensors"
    assert train(out, "--steps", "1", "--sim", "0.15") == 0
    assert read_card(out)["data"]["sim"] == 0.15
    assert train(tmp_path / "other.safetensors", "--steps", "1", "--sim", "2") != 0
    assert "--sim must be from 0 to 1; got 2." in capsys.readouterr().err


def test_existing_weights_and_checkpoint_stay(tmp_path, capsys):
    out = tmp_path / "mine.safetensors"
    checkpoint = tmp_path / "mine.checkpoint.pt"
    checkpoint.write_text("mine")
    assert train(out, "--steps", "1") == 1
    assert checkpoint.read_text() == "mine"
    assert "add --resume to go on or --overwrite" in capsys.readouterr().err
    checkpoint.unlink()
    assert train(out, "--steps", "1", "--resume") == 1
    assert "no checkpoint" in capsys.readouterr().err


def test_resume_equals_one_run(tmp_path, monkeypatch):
    """Interrupted at step 3 as by Ctrl-C, then resumed: the same weights."""
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    steps = ["--steps", "4", "--checkpoint-every", "1"]
    assert train(whole, *steps) == 0

    def stop_at_3(batches, step):
        if step == 3:
            raise KeyboardInterrupt
        return picture(batches, step)

    picture = TrainingBatches.__call__
    monkeypatch.setattr(TrainingBatches, "__call__", stop_at_3)
    assert train(parts, *steps) == 130
    assert not parts.exists()
    monkeypatch.undo()
    assert train(parts, *steps, "--resume") == 0
    assert read_card(parts)["sha256"] == read_card(whole)["sha256"]


def test_wrong_usage(tmp_path, capsys):
    assert main(["train", "--out", str(tmp_path / "a.pt")]) == 2
    assert train(tmp_path / "a.safetensors", "--steps", "0") == 2
    assert "'steps' parameter of TrainingOptions" in capsys.readouterr().err


def test_weights_are_listed_with_the_class_that_takes_them(capsys):
    assert main(["weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list_weights()
    assert [line.split()[0] for line in lines if "DPSDeblur" in line] == [
        *list_weights("deblur"),
        *list_weights("ground"),
        *list_weights("haze"),
    ]


@pytest.mark.parametrize("name", list_weights())
def test_card_is_json(name, capsys):
    assert main(["weights", name]) == 0
    assert json.loads(capsys.readouterr().out) == read_card(name)


def test_unknown_weights(capsys):
    assert main(["weights", "none_such"]) == 1
    assert "'none_such'" in capsys.readouterr().err


def test_two_step_schedule_of_the_paper(tmp_path):
    """F-actin first, then F-actin and rings from the first weights."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    paper = ("--steps", "1", "--objective", "paper")
    assert train(first, *paper, "--kinds", "actin_mesh") == 0
    kinds = "actin_mesh,clathrin_rings"
    assert train(second, *paper, "--kinds", kinds, "--initial", str(first)) == 0
    data = read_card(second)["data"]
    assert data["kinds"] == [[k, 1.0] for k in kinds.split(",")]
    assert data["dense"] == 0
    assert read_card(second)["recipe"]["initial"] == first.stem


@pytest.mark.parametrize("option", ["--kinds", "--initial", "--device"])
def test_wrong_options_cost_no_checkpoint(tmp_path, option, capsys):
    checkpoint = tmp_path / "a.checkpoint.pt"
    checkpoint.write_text("mine")
    out = tmp_path / "a.safetensors"
    assert train(out, "--steps", "1", option, "cheese", "--overwrite") == 2
    assert option.strip("-") in capsys.readouterr().err
    assert checkpoint.read_text() == "mine"


@pytest.mark.parametrize("weights", ["denoiser", "base"])
def test_weights_that_do_not_fit_are_no_start(tmp_path, weights, capsys):
    out = tmp_path / "a.safetensors"
    assert train(out, "--steps", "1", "--initial", weights) == 2
    assert f"same architecture, as wide or narrower; got '{weights}'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("option", [("--kinds", "beads"), ("--sim", "0.1")])
def test_options_of_one_network_are_refused_for_others(tmp_path, option, capsys):
    out = ["--out", str(tmp_path / "a.safetensors")]
    assert main(["train", "denoiser", *out, *SHORT, *option]) == 2
    assert "are for deblur; got denoiser" in capsys.readouterr().err


def test_unknown_kind_is_named(tmp_path):
    assert train(tmp_path / "a.safetensors", "--steps", "1", "--kinds", "cheese") == 2
