# Talk2DINO at full scale: CLIP text to DINOv2 ViT-B/14 with registers on COCO 2014, by the similarity of a caption and the
# attention head that fits it best. 448 px, batch 128, learning rate 1e-4, 50 epochs, as in the public training script.
_base_ = ['../_base_/default_runtime.py']

images = 82_783  # COCO train2014; in an epoch every image gives one of its captions
batch_size = 128
max_iters = 50 * (images // batch_size)

encoder = dict(type='mmpatchioner.CLIPTextEncoder', model='openai/clip-vit-base-patch16')
dataset = dict(
    type='mmpatchioner.PatchFeatureTextDataset',
    encoder=encoder,
    neck=dict(
        type='mmpatchioner.DINOv2Neck',
        backbone=dict(pretrained='facebook/dinov2-with-registers-base')),
    view=dict(size=448, mode='center_crop'),
    features=['heads'],
    batch_size=32,
    text_batch_size=512,
    num_workers=4)

model = dict(
    type='mmpatchioner.AlignmentTrainer',
    space='talk2dino-vitb14-reg',
    projection=dict(
        type='mmpatchioner.TextProjection', in_dims=512, hidden_dims=768, out_dims=768),
    objectives=[dict(texts='captions', pooling='head_selection')],
    temperature=0.07,
    learn_temperature=True)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        corpus=dict(sources=dict(path='data/coco/annotations/captions_train2014.json')),
        image_root='data/coco/train2014',
        image_template='COCO_train2014_{:0>12}.jpg',
        **dataset))
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        # The 5,000 test images of Karpathy are not looked at.
        corpus=dict(
            sources=dict(path='data/coco/annotations/captions_val2014.json'),
            exclude_image_sources=dict(path='data/coco/dataset_coco.json', splits=['test'])),
        image_root='data/coco/val2014',
        image_template='COCO_val2014_{:0>12}.jpg',
        **dataset))
val_evaluator = dict(type='mmpatchioner.ImageTextRetrieval', pooling='head_selection')
val_cfg = dict(type='ValLoop')

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=images // batch_size)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))
custom_hooks = [dict(type='mmpatchioner.StepSeedHook'), dict(type='mmpatchioner.ExportHook')]
