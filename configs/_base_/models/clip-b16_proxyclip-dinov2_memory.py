# ProxyCLIP with DINOv2 ViT-B/14 and its registers as the proxy.
_base_ = ['./clip-b16_proxyclip-dino_memory.py']
model = dict(
    neck=dict(
        proxy=dict(
            type='mmpatchioner.DINOv2Neck',
            backbone=dict(pretrained='facebook/dinov2-with-registers-base'))))
