# ProxyCLIP (arXiv 2408.04883): the values of CLIP ViT-B/16, gathered by how alike the patches of DINO ViT-B/8 are; no
# training. The view is DINO's: ImageNet statistics, from which the neck turns to CLIP's. The text space is CLIP's. The
# released code takes the raw rows of the memory, so that the decoder reads vectors ten times as long as in training, and
# does some more (`compat='official'` of the neck and of the head).
_base_ = ['./clip-b16_memory.py']
model = dict(
    neck=dict(
        type='mmpatchioner.ProxyCLIPNeck',
        proxy=dict(
            type='mmpatchioner.DINONeck', backbone=dict(pretrained='facebook/dino-vitb8'))),
    caption_head=dict(bridge=dict(official=dict(rows='raw'))))
