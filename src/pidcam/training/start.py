"""Where weights come from other than from chance: an earlier run to go on from, and parts that do not learn."""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pidcam.errors import DataError, MismatchError, UnknownNameError
from pidcam.progress import say
from pidcam.runs import RunDirectory
from pidcam.training.network import WEIGHTS


def take_weights(module: torch.nn.Module, parent: RunDirectory) -> None:
    """Start from the fitted weights of `parent`, wherever name and shape agree; the rest (a head of other classes)
    starts anew and is named. Raises `MismatchError` if nothing fits."""
    path = parent.path / "model" / WEIGHTS
    if not path.exists():
        raise DataError("has no fitted network to start from", where=parent.path, fix="finish it with: pidcam train")
    try:
        given = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError("holds no weights", where=path) from error
    own = module.state_dict()
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    if not any(name in fitting for name, _ in module.named_parameters()):
        raise MismatchError("no weight of it fits the model", where=parent.path, fix="train the same model")
    module.load_state_dict({**own, **fitting})
    anew = [name for name in own if name not in fitting]
    if anew:
        say(f"{parent.path}: {len(fitting)} tensors taken; new: {', '.join(anew)}")


class Frozen:
    """Parts of a module that do not learn: neither their weights nor their running statistics."""

    def __init__(self, module: torch.nn.Module, names: tuple[str, ...]):
        known = [name for name, _ in module.named_modules() if name] + [name for name, _ in module.named_parameters()]
        for name in names:
            if name not in known:
                raise UnknownNameError("part of the model", name, known, where="training.freeze")
        self.names = names
        for name, parameter in module.named_parameters():
            if self._within(name):
                parameter.requires_grad_(False)
        if names and not any(p.requires_grad for p in module.parameters()):
            raise MismatchError("nothing is left to learn", where="training.freeze", fix="freeze less")

    def hold(self, module: torch.nn.Module) -> None:
        """Put the frozen parts into evaluation mode, after the whole was put into training mode."""
        for name, part in module.named_modules():
            if self._within(name):
                part.eval()

    def _within(self, name: str) -> bool:
        return any(name == each or name.startswith(f"{each}.") for each in self.names)
