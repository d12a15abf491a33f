# Patch-ioner with ViECap's decoder (paper, "T2D + Noise + ext. knowledge"): GPT-2 that reads a soft prompt and the names of
# the entities that a region resembles. docs/converters.md tells how to get the decoder,
# configs/training/entities_talk2dino_coco.py how to build the vocabulary.
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.DINOv2Neck',
        backbone=dict(pretrained='facebook/dinov2-with-registers-base')),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        bridge=dict(type='mmpatchioner.IdentityBridge'),
        decoder=dict(
            type='mmpatchioner.ViECapDecoder',
            prefix_dims=768,
            hard_prompt=dict(
                type='mmpatchioner.EntityPrompt',
                entities='checkpoints/talk2dino_entities_coco.safetensors'),
            tokenizer=dict(type='mmpatchioner.GPT2Tokenizer', pretrained='openai-community/gpt2'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/viecap_talk2dino_coco.safetensors'))),
    region_source='gt')
