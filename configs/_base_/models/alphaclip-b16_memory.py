# AlphaCLIP ViT-B/16 (arXiv 2312.03818), a region-supervised baseline of the paper: the image is seen anew for every region,
# with a mask. Its texts are CLIP's, and so are memory and decoder; docs/converters.md tells how to get the files. The
# released code does not normalise the projection on the memory, and loses AlphaCLIP's weights on the way, so that CLIP
# captions whole images (`compat='official'` of head and neck).
model = dict(
    type='mmpatchioner.AlphaCLIPCaptioner',
    neck=dict(
        type='mmpatchioner.AlphaCLIPNeck',
        backbone=dict(
            config=dict(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                image_size=224,
                patch_size=16,
                projection_dim=512)),
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/alphaclip-b16.safetensors'),
        official_backbone=dict(pretrained='openai/clip-vit-base-patch16')),
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
