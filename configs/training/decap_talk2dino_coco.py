# The decoder of the paper's default system: DeCap on COCO captions in the space of Talk2DINO, without noise, for use behind
# a memory. Needs Karpathy's dataset_coco.json, CLIP from the hub, and the Talk2DINO projection (docs/converters.md).
_base_ = ['../_base_/default_runtime.py', '../_base_/schedules/adamw_linear_88k.py']

corpus = dict(
    sources=dict(path='data/coco/dataset_coco.json', splits=['train', 'restval']), dedupe=False)
encoder = dict(
    type='mmpatchioner.ProjectedTextEncoder',
    space='talk2dino-vitb14-reg',
    encoder=dict(type='mmpatchioner.CLIPTextEncoder', model='openai/clip-vit-base-patch16'),
    projection=dict(
        type='mmpatchioner.TextProjection',
        in_dims=512,
        hidden_dims=768,
        out_dims=768,
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/vitb_mlp_infonce.pth')))

model = dict(
    type='mmpatchioner.TextDecoderTrainer',
    space='talk2dino-vitb14-reg',
    decoder=dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=768,
        tokenizer=dict(
            type='mmpatchioner.CaptionTokenizer', pretrained='openai/clip-vit-base-patch16')))

train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='mmpatchioner.CaptionEmbeddingDataset', corpus=corpus, encoder=encoder))
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmpatchioner.CaptionEmbeddingDataset',
        corpus=dict(sources=dict(path='data/coco/dataset_coco.json', splits=['val'])),
        encoder=encoder))
val_evaluator = dict(type='mmpatchioner.LossMetric')
val_cfg = dict(type='ValLoop')

default_hooks = dict(checkpoint=dict(interval=8855))
custom_hooks = [dict(type='mmpatchioner.StepSeedHook'), dict(type='mmpatchioner.ExportHook')]
