# Boxes of 337 photos of COCO train2017, whose "captions" are the names of their classes: to see a detector or the
# proposals at work, not to compare with anything.
# python tools/dataset_converters/coco_instances.py $MMPATCHIONER_DATA/coco_train2017_subset/instances.json \
#     work_dirs/datasets/coco-subset_classes.jsonl
data_root = '{{$MMPATCHIONER_DATA:data}}/'
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.DenseCaptionDataset',
        ann_file='work_dirs/datasets/coco-subset_classes.jsonl',
        data_prefix=dict(img=data_root + 'coco_train2017_subset/images')))
test_evaluator = dict(type='mmpatchioner.DenseCaptionMetric')
test_cfg = dict(type='TestLoop')
