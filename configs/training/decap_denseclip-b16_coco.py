# The decoder of DenseCLIP: DeCap on COCO captions in the space of its text tower, without noise, for use behind a memory.
# Needs Karpathy's dataset_coco.json and the text tower, converted with --long-context (docs/converters.md): the published
# 13 positions cut most captions.
_base_ = ['./decap_talk2dino_coco.py']

space = 'denseclip-vitb16'
encoder = dict(
    _delete_=True,
    type='mmpatchioner.DenseCLIPTextEncoder',
    space=space,
    context_length=77,
    tower=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/denseclip-b16_text-tower.safetensors')),
    tokenizer=dict(
        type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'))
model = dict(space=space, decoder=dict(prefix_dims=512))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
