# DenseCLIP ViT-B/16 (arXiv 2112.01518), CLIP fine-tuned on segmentation at 640 x 640. Its text vectors are CLIP's at unit
# length. docs/converters.md tells how to get both towers; the memory and the decoder are made by
# configs/training/{memory,decap}_denseclip-b16_coco.py. The projection is normalised, as what the decoder was trained on;
# the released code leaves it shorter, and adds the class embedding once (`compat='official'` of head and neck).
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.DenseCLIPNeck',
        backbone=dict(
            config=dict(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                image_size=640,
                patch_size=16,
                projection_dim=512)),
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/denseclip-b16.safetensors')),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        bridge=dict(
            type='mmpatchioner.MemoryBridge',
            memory='checkpoints/denseclip-b16_memory_coco.safetensors',
            temperature=0.01,
            rows='unit',
            official=dict(normalize=False)),
        decoder=dict(
            type='mmpatchioner.PrefixDecoder',
            prefix_dims=512,
            tokenizer=dict(
                type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/decap_denseclip-b16_coco.safetensors'))),
    region_source='gt')
