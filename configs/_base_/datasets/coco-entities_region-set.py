# COCO Entities, test: 6,617 sets of boxes on 3,569 photos.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.RegionSetCaptionDataset',
        data_root=data_root,
        ann_file='coco/annotations/coco_entities_test.json',
        data_prefix=dict(img='coco')))
test_evaluator = dict(type='mmpatchioner.RegionSetCaptionMetric')
test_cfg = dict(type='TestLoop')
