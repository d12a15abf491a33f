# ViECap on CLIP ViT-B/16 (arXiv 2307.16525), the paper's baseline: what stands for an image is CLIP's class token. The
# vocabulary is built by configs/training/entities_clip-b16_coco.py; docs/converters.md tells how to get the decoder.
_base_ = ['./decap_clip-b16.py']
model = dict(
    caption_head=dict(
        bridge=dict(_delete_=True, type='mmpatchioner.IdentityBridge'),
        decoder=dict(
            _delete_=True,
            type='mmpatchioner.ViECapDecoder',
            prefix_dims=512,
            hard_prompt=dict(
                type='mmpatchioner.EntityPrompt',
                entities='checkpoints/clip-b16_entities_coco.safetensors'),
            tokenizer=dict(type='mmpatchioner.GPT2Tokenizer', pretrained='openai-community/gpt2'),
            init_cfg=dict(
                type='Pretrained', checkpoint='checkpoints/viecap_clip-b16_coco.safetensors'))))
