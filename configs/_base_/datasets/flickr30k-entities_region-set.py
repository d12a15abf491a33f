# Flickr30k Entities, the region-set test file of the paper: 3,968 sets of boxes on 1,000 photos (not Karpathy's).
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.RegionSetCaptionDataset',
        data_root=data_root,
        ann_file='flickr30k/annotations/flickr30k_entities_test.json',
        data_prefix=dict(img='flickr30k/images')))
test_evaluator = dict(type='mmpatchioner.RegionSetCaptionMetric')
test_cfg = dict(type='TestLoop')
