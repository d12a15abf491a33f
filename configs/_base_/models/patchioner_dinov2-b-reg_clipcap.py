# Patch-ioner with ClipCap's decoder, which is trained on images and their captions and so needs no space of texts: DINOv2's
# patches, at the lengths they have. docs/converters.md tells how to get the decoder.
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.DINOv2Neck',
        backbone=dict(pretrained='facebook/dinov2-with-registers-base')),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        bridge=dict(type='mmpatchioner.IdentityBridge', normalize=False),
        decoder=dict(
            type='mmpatchioner.ClipCapDecoder',
            prefix_dims=768,
            tokenizer=dict(type='mmpatchioner.GPT2Tokenizer', pretrained='openai-community/gpt2'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/clipcap_dinov2-b-reg_coco.safetensors'))),
    region_source='gt')
