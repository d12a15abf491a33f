# The decoder of the baseline: DeCap on COCO captions in the text space of CLIP ViT-B/32, without noise, for use behind a
# memory. Needs Karpathy's dataset_coco.json and CLIP from the hub.
_base_ = ['./decap_talk2dino_coco.py']

space = 'clip-vit-base-patch32'
encoder = dict(
    _delete_=True, type='mmpatchioner.CLIPTextEncoder', model='openai/clip-vit-base-patch32', space=space)
model = dict(space=space, decoder=dict(prefix_dims=512))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
