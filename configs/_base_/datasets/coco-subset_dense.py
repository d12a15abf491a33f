# Boxes of 338 photos of COCO train2017, whose "captions" are the names of their classes: to see a detector or the
# proposals at work, not to compare with anything.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.DenseCaptionDataset',
        data_root=data_root,
        ann_file='coco_train2017_subset/instances.json',
        data_prefix=dict(img='coco_train2017_subset/images')))
test_evaluator = dict(type='mmpatchioner.DenseCaptionMetric')
test_cfg = dict(type='TestLoop')
