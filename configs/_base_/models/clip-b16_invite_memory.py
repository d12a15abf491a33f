# INViTE (arXiv 2310.10591) on CLIP ViT-B/16: in the last layer every token attends to itself alone, as in MaskCLIP; no
# training. The text space is CLIP's. `compat='official'` on the neck resamples positions as the released code does.
_base_ = ['./clip-b16_memory.py']
model = dict(neck=dict(type='mmpatchioner.INViTENeck', num_layers=1))
