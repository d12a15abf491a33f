# COCO, Karpathy's test split: 5,000 photos, 25,010 captions. The file is made by
# tools/dataset_converters/coco_karpathy.py.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.ImageCaptionDataset',
        data_root=data_root,
        ann_file='coco/annotations/captions_karpathy_test.json',
        data_prefix=dict(img='coco')))
test_evaluator = dict(type='mmpatchioner.ImageCaptionMetric')
test_cfg = dict(type='TestLoop')
