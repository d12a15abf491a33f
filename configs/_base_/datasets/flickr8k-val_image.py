# 961 photos of Flickr8k with five captions each (docs/datasets.md).
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.ImageCaptionDataset',
        data_root=data_root,
        ann_file='flickr8k/captions.jsonl',
        ann_options=dict(splits=['val']),
        data_prefix=dict(img='flickr8k/images')))
test_evaluator = dict(type='mmpatchioner.ImageCaptionMetric')
test_cfg = dict(type='TestLoop')
