# Flickr30k, Karpathy's test split: 1,000 photos with five captions each, the official file.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.ImageCaptionDataset',
        data_root=data_root,
        ann_file='flickr30k/annotations/flickr30k_test.json',
        data_prefix=dict(img='flickr30k/images')))
test_evaluator = dict(type='mmpatchioner.ImageCaptionMetric')
test_cfg = dict(type='TestLoop')
