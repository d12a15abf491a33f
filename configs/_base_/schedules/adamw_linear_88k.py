# The published schedule of the decoders: 10 epochs of COCO captions (Karpathy train, 566,747) in batches of 64, the last
# of an epoch dropped; AdamW, 1,000 steps of warm-up, then linearly to zero.
batch_size = 64
max_iters = 10 * (566_747 // batch_size)  # 88,550
warmup_iters = 1000

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters // 10)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-5, weight_decay=0.01))
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
