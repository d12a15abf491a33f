# The decoder of RegionCLIP: DeCap on COCO captions in the space of its text tower, without noise, for use behind a memory.
# Needs Karpathy's dataset_coco.json and the converted text tower (docs/converters.md).
_base_ = ['./decap_talk2dino_coco.py']

space = 'regionclip-rn50'
encoder = dict(
    _delete_=True,
    type='mmpatchioner.RegionCLIPTextEncoder',
    space=space,
    tower=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/regionclip-rn50_text-tower.safetensors')),
    tokenizer=dict(
        type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'))
model = dict(space=space, decoder=dict(prefix_dims=1024))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
