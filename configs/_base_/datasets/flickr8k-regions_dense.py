# 540 boxes with phrases on 104 photos of Flickr8k (docs/datasets.md); not every object of a photo has one.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.DenseCaptionDataset',
        data_root=data_root,
        ann_file='flickr8k/regions_dev.jsonl',
        data_prefix=dict(img='flickr8k/images')))
test_evaluator = dict(type='mmpatchioner.DenseCaptionMetric')
test_cfg = dict(type='TestLoop')
