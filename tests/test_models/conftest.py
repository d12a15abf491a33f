"""Small random captioners, whole, for the tests of heads and captioners."""

import pytest
import torch

from mmpatchioner.checkpoints import save_memory
from mmpatchioner.models.decoders import train_bpe

DIMS = 32
CAPTIONS = ['a dog runs on the grass', 'two people ride a bike', 'a red car', 'the blue sky']


@pytest.fixture(scope='session')
def parts(tmp_path_factory) -> dict:
    """Configs of a neck, a caption head and a proposer, of random weights and 32 dimensions."""
    folder = tmp_path_factory.mktemp('captioner')
    tokenizer, memory = folder / 'tokenizer.json', folder / 'memory.safetensors'
    train_bpe(CAPTIONS, vocab_size=80, path=tokenizer)
    rows = torch.randn(len(CAPTIONS), DIMS, generator=torch.Generator().manual_seed(0))
    save_memory(memory, rows, CAPTIONS)
    return dict(
        neck=dict(
            type='mmpatchioner.DINOv2Neck',
            backbone=dict(
                config=dict(
                    hidden_size=DIMS,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    image_size=84,
                    patch_size=14,
                ),
                registers=1,
            ),
        ),
        caption_head=dict(
            type='mmpatchioner.PatchionerHead',
            bridge=dict(type='mmpatchioner.MemoryBridge', memory=str(memory), temperature=0.1),
            decoder=dict(
                type='mmpatchioner.PrefixDecoder',
                prefix_dims=DIMS,
                hidden_dims=32,
                num_layers=2,
                num_heads=2,
                vocab_size=80,
                max_positions=32,
                max_length=8,
                tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(tokenizer)),
            ),
        ),
        proposer=dict(
            type='mmpatchioner.PatchProposalDetector', num_segments=(2, 3), min_patches=2
        ),
    )
