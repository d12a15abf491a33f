# ViECap's decoder as its authors trained it (arXiv 2307.16525), on the text vectors of CLIP ViT-B/16; also MeaCap's.
_base_ = ['./viecap_talk2dino_coco.py']

space = 'clip-vit-base-patch16'
encoder = dict(
    _delete_=True, type='mmpatchioner.CLIPTextEncoder', model='openai/clip-vit-base-patch16', space=space)
model = dict(
    space=space,
    decoder=dict(
        prefix_dims=512,
        hard_prompt=dict(entities='checkpoints/clip-b16_entities_coco.safetensors')))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
