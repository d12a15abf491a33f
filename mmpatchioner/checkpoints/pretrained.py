"""How our modules and mmengine find weights that a config names."""

from __future__ import annotations

from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import SCHEME, load_space, load_state_dict, load_strict

# mmengine takes the prefix as a regular expression; this one is a local path, with any other scheme left alone.
_LOCAL_SAFETENSORS = r'(?!\w{2,}://).*\.safetensors$'


class PretrainedModule(BaseModule):
    """A mmengine module whose ``init_cfg=dict(type='Pretrained', checkpoint=...)`` loads all weights or raises.

    mmengine itself loads what fits and logs the rest, so that a wrong file leaves a module random. The checkpoint
    is anything :func:`mmpatchioner.checkpoints.load_state_dict` reads. With ``prefix`` in the config only the
    names with that prefix are taken, without it: a part of a larger model's checkpoint.

    Attributes:
        space: Name of the vector space that the weights belong to, if it is known.
    """

    space: str | None = None

    def init_weights(self) -> None:
        """Load the weights of ``init_cfg``, or keep those of the constructor.

        Raises:
            CheckpointError: if the file cannot be read or does not fit.
        """
        cfg = self.init_cfg
        if not isinstance(cfg, dict) or cfg.get('type') != 'Pretrained':
            super().init_weights()
            return
        source = cfg['checkpoint']
        state = load_state_dict(source)
        if prefix := cfg.get('prefix'):
            state = _select_prefix(state, prefix, source)
        load_strict(self, state, source)
        self.space = load_space(source) or self.space
        print_log(f'{type(self).__name__}: all weights loaded from {source}', logger='current')
        self._is_init = True


def register_checkpoint_schemes() -> None:
    """Let mmengine (``load_from``, ``Pretrained``, ``load_checkpoint``) read packaged and safetensors files."""
    CheckpointLoader.register_scheme(
        prefixes=[SCHEME, _LOCAL_SAFETENSORS], loader=load_from_mmpatchioner, force=True
    )


def load_from_mmpatchioner(filename: str, map_location: Any = None) -> dict[str, Tensor]:
    """Loader in mmengine's form, see ``mmengine.runner.CheckpointLoader``."""
    state = load_state_dict(filename)
    if map_location in (None, 'cpu'):
        return state
    return {name: tensor.to(map_location) for name, tensor in state.items()}


def _select_prefix(state: dict[str, Tensor], prefix: str, source: str) -> dict[str, Tensor]:
    dotted = prefix.rstrip('.') + '.'
    part = {name[len(dotted) :]: value for name, value in state.items() if name.startswith(dotted)}
    if not part:
        found = sorted({name.partition('.')[0] for name in state})
        raise CheckpointError(
            f'{source}: init_cfg.prefix {prefix!r} names no tensor; the file holds {found}.'
        )
    return part
