# RegionCLIP RN50 (arXiv 2112.09106), a region-supervised baseline of the paper: every position of its attention pool is a
# patch, in the space of its own text tower. `compat='official'` of head and neck leave the projection on the memory
# shorter and draw the attention pool's positions at random, as the released code does.
# docs/converters.md tells how to get the image tower; the memory and the decoder are made by
# configs/training/{memory,decap}_regionclip-rn50_coco.py.
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.RegionCLIPNeck',
        backbone=dict(config=dict()),
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/regionclip-rn50.safetensors')),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        bridge=dict(
            type='mmpatchioner.MemoryBridge',
            memory='checkpoints/regionclip-rn50_memory_coco.safetensors',
            temperature=0.01,
            rows='unit',
            official=dict(normalize=False)),
        decoder=dict(
            type='mmpatchioner.PrefixDecoder',
            prefix_dims=1024,
            tokenizer=dict(
                type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/decap_regionclip-rn50_coco.safetensors'))),
    region_source='gt')
