# The decoder of DINO.txt: DeCap on COCO captions in the half of its text space that belongs to patches, without noise, for
# use behind a memory. Needs Karpathy's dataset_coco.json and the converted text tower (docs/converters.md).
_base_ = ['./decap_talk2dino_coco.py']

space = 'dinotxt-vitl14-reg'
encoder = dict(
    _delete_=True,
    type='mmpatchioner.DINOTxtTextEncoder',
    space=space,
    tower=dict(
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/dinotxt_text-tower.safetensors')),
    tokenizer=dict(
        type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16'))
model = dict(space=space, decoder=dict(prefix_dims=1024))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
