# Visual Genome v1.2, test: 5,000 images, every annotated box. The file is ControlCap's or that of
# tools/dataset_converters/visual_genome.py; boxes are xyxy.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.DenseCaptionDataset',
        data_root=data_root,
        ann_file='vg/controlcap/vg1.2/test.json',
        data_prefix=dict(img='vg')))
test_evaluator = dict(type='mmpatchioner.DenseCaptionMetric')
test_cfg = dict(type='TestLoop')
