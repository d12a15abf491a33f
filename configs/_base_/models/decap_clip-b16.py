# DeCap on CLIP ViT-B/16 (arXiv 2303.03032), the paper's baseline: what stands for an image is CLIP's class token, in the
# space of the texts without an alignment. The memory's rows have unit length, and so has the projection, as in DeCap; the
# released code that gave the published numbers leaves it shorter (`compat='official'` of the head). The two files are
# converted published ones (docs/converters.md), or made by configs/training/{memory,decap}_clip-b16_coco.py.
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.CLIPNeck', backbone=dict(pretrained='openai/clip-vit-base-patch16')),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        region_feature='cls',
        bridge=dict(
            type='mmpatchioner.MemoryBridge',
            memory='checkpoints/clip-b16_memory_coco.safetensors',
            temperature=0.01,
            rows='unit',
            official=dict(normalize=False)),
        decoder=dict(
            type='mmpatchioner.PrefixDecoder',
            prefix_dims=512,
            tokenizer=dict(
                type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/decap_clip-b16_coco.safetensors'))),
    region_source='gt')
