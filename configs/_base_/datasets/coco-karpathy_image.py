# COCO, Karpathy's test split: 5,000 photos with five captions each. tools/dataset_converters/coco_karpathy.py makes the file.
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
