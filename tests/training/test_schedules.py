"""Learning rates and stopping rules, against what Keras does and against closed forms."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from pidcam.training.options import EarlyStoppingOptions, OptimiserOptions, ScheduleOptions
from pidcam.training.schedules import EarlyStopping, Plateau, build_optimiser, improved, set_step, step_lr

NOTEBOOK = ScheduleOptions(name="plateau", factor=0.5, patience=2, min_delta=1e-4, cooldown=1, min_lr=1e-10)


def keras_reduce_on_plateau(losses, lr, factor, patience, min_delta, cooldown, min_lr):
    """The published callback, transcribed independently: learning rate after each epoch."""
    best, wait, cooldown_counter, rates = math.inf, 0, 0, []
    for loss in losses:
        if cooldown_counter > 0:
            cooldown_counter -= 1
            wait = 0
        if loss < best - min_delta:
            best, wait = loss, 0
        elif not cooldown_counter > 0:
            wait += 1
            if wait >= patience and lr > min_lr:
                lr = max(lr * factor, min_lr)
                cooldown_counter, wait = cooldown, 0
        rates.append(lr)
    return rates


@pytest.mark.parametrize("seed", range(20))
def test_plateau_follows_keras(seed):
    generator = torch.Generator().manual_seed(seed)
    losses = (0.6 + 0.05 * torch.randn(40, generator=generator).cumsum(0) / 10).tolist()
    ours = Plateau(NOTEBOOK, 1e-3, "min")
    expected = keras_reduce_on_plateau(losses, 1e-3, 0.5, 2, 1e-4, 1, 1e-10)
    assert [ours.epoch_end(loss) for loss in losses] == expected


def test_plateau_by_hand():
    ours = Plateau(NOTEBOOK, 1.0, "min")
    #         best best  wait  halve rest+wait  halve   rest+best
    losses = [0.50, 0.40, 0.40, 0.40, 0.40, 0.40, 0.30]
    assert [ours.epoch_end(loss) for loss in losses] == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_an_improvement_within_min_delta_is_none():
    ours = Plateau(NOTEBOOK, 1.0, "min")
    assert [ours.epoch_end(loss) for loss in (0.5, 0.49995, 0.49991)] == [1, 1, 0.5]


def test_early_stopping_counts_epochs_in_a_row():
    stop = EarlyStopping(EarlyStoppingOptions(patience=3), "max")
    assert [stop.epoch_end(auc) for auc in (0.7, 0.69, 0.69, 0.71, 0.7, 0.71, 0.7)] == [False] * 6 + [True]


def test_nan_never_improves():
    assert not improved(math.nan, None, "min")
    assert improved(1.0, None, "max")


def test_cosine_rises_linearly_and_falls_to_the_minimum():
    options = ScheduleOptions(name="cosine", warmup=0.1, min_lr=1e-5)
    rates = [step_lr(options, 1e-3, step, 100) for step in range(101)]
    assert rates[:10] == pytest.approx([1e-4 * (i + 1) for i in range(10)])
    assert rates[10] == max(rates) == pytest.approx(1e-3)
    assert rates[55] == pytest.approx((1e-3 + 1e-5) / 2)
    assert rates[100] == pytest.approx(1e-5)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def keras_adam(gradients, lr, eps, b1=0.9, b2=0.999):
    """Keras's update (keras/src/optimizers/adam.py) of one weight that starts at zero."""
    w = m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        alpha = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
        m += (g - m) * (1 - b1)
        v += (g * g - v) * (1 - b2)
        w -= m * alpha / (math.sqrt(v) + eps)
    return w


@pytest.mark.parametrize("size", [1.0, 1e-6])
def test_adam_with_keras_epsilon_takes_keras_steps(size):
    """With gradients near epsilon the two conventions differ by far; ours must follow Keras."""
    options = OptimiserOptions(name="adam", lr=1e-3, eps=1e-7, keras_epsilon=True)
    module = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.zeros_(module.weight)
    optimiser = build_optimiser(module, options)
    gradients = [size * g for g in (1.0, -0.5, 0.25, 2.0, 0.1)]
    for step, gradient in enumerate(gradients):
        set_step(optimiser, options, options.lr, step)
        module.weight.grad = torch.full_like(module.weight, gradient)
        optimiser.step()
    assert module.weight.item() == pytest.approx(keras_adam(gradients, 1e-3, 1e-7), rel=1e-9)


def test_weight_decay_spares_biases_and_norms():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    groups = build_optimiser(module, OptimiserOptions(weight_decay=0.1)).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.1), (3, 0.0)]


def test_an_update_is_the_same_in_any_layout_of_memory():
    """Fused updates walk through memory: weights, gradients and moments have to be laid out alike."""
    x, after = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0)), []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(1)
        module = torch.nn.Conv2d(3, 5, 3).to(memory_format=memory_format)
        optimiser = build_optimiser(module, OptimiserOptions(lr=0.1))
        for _ in range(3):
            optimiser.zero_grad(set_to_none=True)
            module(x.contiguous(memory_format=memory_format)).square().mean().backward()
            optimiser.step()
        after.append(module.weight.detach().clone())
    torch.testing.assert_close(*after)
