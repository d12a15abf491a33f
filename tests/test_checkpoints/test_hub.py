import pytest
from transformers import AutoModel, Dinov2Config, Dinov2Model
from transformers.utils import logging as transformers_logging

from mmpatchioner.checkpoints import CheckpointError, from_folder_or_hub

TINY = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)


def test_a_local_folder_is_loaded_without_a_progress_bar(tmp_path, capfd):
    Dinov2Model(Dinov2Config(**TINY)).save_pretrained(tmp_path)
    shown = transformers_logging.is_progress_bar_enabled()
    capfd.readouterr()
    model = from_folder_or_hub(AutoModel, str(tmp_path), 'neck.backbone.pretrained')
    assert model.config.hidden_size == 8
    assert 'Loading' not in capfd.readouterr().err
    assert transformers_logging.is_progress_bar_enabled() is shown


def test_what_is_out_of_reach_is_named_with_the_remedy(tmp_path):
    for name in (str(tmp_path), 'nobody/no-such-model'):
        with pytest.raises(CheckpointError, match=r'neck\.backbone\.pretrained: .*local-dir DIR'):
            from_folder_or_hub(AutoModel, name, 'neck.backbone.pretrained')
