# Patch-ioner without a memory: its decoder learned with noise on the text embeddings (paper, "T2D + Noise", after CapDec
# and CLOSE; configs/training/decap_talk2dino_coco_noise.py). `compat='official'` leaves the features as long as they are,
# as the released code does.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory_coco.py']
model = dict(
    caption_head=dict(
        bridge=dict(_delete_=True, type='mmpatchioner.IdentityBridge'),
        decoder=dict(init_cfg=dict(checkpoint='checkpoints/decap_talk2dino_coco_noise.safetensors'))))
