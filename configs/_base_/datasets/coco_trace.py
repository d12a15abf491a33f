# Mouse traces on COCO, Karpathy's test split without 51 photos; the official file, or one that
# tools/dataset_converters/localized_narratives.py makes.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.TraceCaptionDataset',
        data_root=data_root,
        ann_file='coco/annotations/trace_capt_coco_test.json',
        data_prefix=dict(img='coco')))
test_evaluator = dict(type='mmpatchioner.TraceCaptionMetric')
test_cfg = dict(type='TestLoop')
