# CapDec as its authors published it (arXiv 2211.00575), on CLIP RN50x4: what stands for an image is CLIP's class token, of
# unit length, and the decoder learnt from noisy texts. docs/converters.md tells how to get both files.
model = dict(
    type='mmpatchioner.DenseCaptioner',
    neck=dict(
        type='mmpatchioner.CLIPResNetNeck',
        backbone=dict(config=dict(layers=(4, 6, 10, 6), width=80, out_dims=640, side=9)),
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/clip-rn50x4.safetensors')),
    caption_head=dict(
        type='mmpatchioner.PatchionerHead',
        region_feature='cls',
        bridge=dict(type='mmpatchioner.IdentityBridge'),
        decoder=dict(
            type='mmpatchioner.ViECapDecoder',
            prefix_dims=640,
            hard_prompt=None,
            soft_prompt=dict(num_inputs=40, num_outputs=40),
            num_beams=5,
            max_length=67,
            tokenizer=dict(type='mmpatchioner.GPT2Tokenizer', pretrained='openai-community/gpt2'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/capdec_clip-rn50x4_coco.safetensors'))),
    region_source='gt')
