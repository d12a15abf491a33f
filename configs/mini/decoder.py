# The decoder of `mini`: from text embeddings, and from their projections on the memories, back to the texts. Captions
# of Flickr8k count double; phrases occur as often as the square root of their count.
#   python tools/train.py configs/mini/decoder.py
_base_ = ['../_base_/default_runtime.py', './_texts.py']

work = 'work_dirs/mini/'
max_iters = 3600
batch_size = 192
warmup_iters = 100
corpus = dict(
    sources=[_base_.flickr8k, _base_.flickr8k, _base_.flickr30k],
    clean='words',
    min_words=4,
    max_words=25,
    exclude=_base_.held_out,
    dedupe=False,
    phrases=dict(min_count=4, mode='add', power=0.5))
encoder = dict(
    type='mmpatchioner.ProjectedTextEncoder',
    encoder=dict(autocast=True, **_base_.minilm),
    projection=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint=work + 'alignment/export/projection.safetensors'),
        **_base_.projection),
    space=_base_.space)
bridge = dict(
    type='mmpatchioner.LeaveOneOutBridge', temperature=0.025, rows='unit', prior='counts', leave_out=0.5)

train_tokenizer = dict(corpus=corpus, vocab_size=4096)
model = dict(
    type='mmpatchioner.TextDecoderTrainer',
    space=_base_.space,
    noise=dict(type='mmpatchioner.GaussianNoise', std=(0.0, 0.04)),
    bridge=dict(
        caption=dict(memory=work + 'memory_captions.safetensors', **bridge),
        phrase=dict(memory=work + 'memory_phrases.safetensors', **bridge)),
    bridge_share=0.5,
    autocast=True,
    decoder=dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=384,
        hidden_dims=256,
        num_layers=3,
        num_heads=4,
        vocab_size=4096,
        max_positions=32,
        dropout=0.0,
        max_length=30,
        train_length=30,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=None)))

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='mmpatchioner.LengthGroupedSampler', batch_size=batch_size),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='mmpatchioner.CaptionEmbeddingDataset', corpus=corpus, encoder=encoder))

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters + 1)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, betas=(0.9, 0.98), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / warmup_iters, by_epoch=False, begin=0, end=warmup_iters),
    dict(
        type='CosineAnnealingLR', by_epoch=False, begin=warmup_iters, end=max_iters, eta_min=0.0),
]
default_hooks = dict(checkpoint=dict(interval=500))
custom_hooks = [dict(type='mmpatchioner.StepSeedHook'), dict(type='mmpatchioner.ExportHook')]
