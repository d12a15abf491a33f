# VG-COCO, test: the 2,476 photos of Visual Genome's test split that are also COCO's. The file is ControlCap's or of
# tools/dataset_converters/visual_genome.py --coco-only; boxes are xyxy.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.DenseCaptionDataset',
        data_root=data_root,
        ann_file='vg/controlcap/vgcoco/test.json',
        data_prefix=dict(img='vg')))
test_evaluator = dict(type='mmpatchioner.DenseCaptionMetric')
test_cfg = dict(type='TestLoop')
