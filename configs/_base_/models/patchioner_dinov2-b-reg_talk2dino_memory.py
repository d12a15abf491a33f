# The paper's default system: DINOv2 ViT-B/14 with registers, whose patches Talk2DINO aligns with CLIP text, a memory of
# projected COCO captions, and the DeCap decoder. docs/converters.md tells how to get the two files.
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.DINOv2Neck',
        backbone=dict(pretrained='facebook/dinov2-with-registers-base')),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        bridge=dict(
            type='mmpatchioner.MemoryBridge',
            memory='checkpoints/talk2dino_memory_coco.safetensors',
            temperature=0.01,
            rows='raw'),
        decoder=dict(
            type='mmpatchioner.PrefixDecoder',
            prefix_dims=768,
            tokenizer=dict(
                type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/decap_talk2dino_coco.safetensors'))),
    region_source='gt')
