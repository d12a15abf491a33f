# Talk2DINO's linear variant, undone: the memory stands in the space of patches, and the pseudo-inverse of the projection
# takes what it gives back to CLIP's text vectors, which the decoder of the CLIP baseline reads. The memory is made by
# configs/training/memory_talk2dino-linear_coco.py; docs/converters.md tells how to get the other files.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory.py']
model = dict(
    caption_head=dict(
        bridge=dict(
            _delete_=True,
            type='mmpatchioner.Talk2DINOInverseBridge',
            projection='checkpoints/talk2dino-linear.safetensors',
            official=dict(normalize=False),
            bridge=dict(
                type='mmpatchioner.MemoryBridge',
                memory='checkpoints/talk2dino-linear_memory_coco.safetensors',
                temperature=0.01,
                rows='raw',
                normalize=False)),
        decoder=dict(
            prefix_dims=512,
            init_cfg=dict(checkpoint='checkpoints/decap_clip-b16_coco.safetensors'))))
