# DINO.txt (arXiv 2412.16334): DINOv2 ViT-L/14 with registers and the vision head that was trained with the text tower; the
# memory holds the half of the text vectors that belongs to patches. `compat='official'` on the neck leaves the head out,
# as the released code does. docs/converters.md tells how to get the head; the memory and the decoder are made by
# configs/training/{memory,decap}_dinotxt_coco.py.
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.DINOTxtNeck',
        backbone=dict(pretrained='facebook/dinov2-with-registers-large'),
        head=dict(
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/dinotxt_vision-head.safetensors'))),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        bridge=dict(
            type='mmpatchioner.MemoryBridge',
            memory='checkpoints/dinotxt_memory_coco.safetensors',
            temperature=0.01,
            rows='raw'),
        decoder=dict(
            type='mmpatchioner.PrefixDecoder',
            prefix_dims=1024,
            tokenizer=dict(
                type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/decap_dinotxt_coco.safetensors'))),
    region_source='gt')
