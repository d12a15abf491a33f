import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError, load_strict
from mmpatchioner.checkpoints.openai_clip import convert_openai_clip
from tests.test_evaluation.tiny_clip import openai_names, save_tiny_clip


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    return save_tiny_clip(tmp_path_factory.mktemp('clip'))


def test_every_weight_comes_back_under_its_name_in_transformers(clip):
    theirs = openai_names(clip)
    # Sizes that exported models carry; half precision as published.
    theirs |= {name: torch.tensor(7) for name in ('input_resolution', 'vocab_size')}
    converted = convert_openai_clip({k: v.half() for k, v in theirs.items()}, 'clip.pth')
    ours = clip.state_dict()
    assert converted.keys() == ours.keys()
    for name, tensor in converted.items():
        assert tensor.dtype == torch.float32 and tensor.is_contiguous()
        assert torch.equal(tensor, ours[name].half().float()), name


def test_a_missing_weight_is_noticed_when_it_is_loaded(clip):
    theirs = openai_names(clip)
    del theirs['visual.transformer.resblocks.1.attn.in_proj_bias']
    with pytest.raises(
        CheckpointError, match=r'vision_model\.encoder\.layers\.1\.self_attn\.k_proj'
    ):
        load_strict(clip, convert_openai_clip(theirs, 'clip.pth'), 'clip.pth')


@pytest.mark.parametrize(
    'name',
    [
        'visual.layer1.0.conv1.weight',  # a ResNet
        'visual.transformer.resblocks.0.attn.rope.weight',
        'vision_model.post_layernorm.weight',  # already converted
    ],
)
def test_unknown_names_are_refused(clip, name):
    with pytest.raises(CheckpointError, match=f'clip.pth: .*{name}'):
        convert_openai_clip({**openai_names(clip), name: torch.ones(1)}, 'clip.pth')
