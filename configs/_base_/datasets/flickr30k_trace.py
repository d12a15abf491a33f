# Mouse traces on Flickr30k, Karpathy's test split; the official file, or one that
# tools/dataset_converters/localized_narratives.py makes.
data_root = '{{$MMPATCHIONER_DATA:data}}'
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.TraceCaptionDataset',
        data_root=data_root,
        ann_file='flickr30k/annotations/trace_capt_flickr30k_test.json',
        data_prefix=dict(img='flickr30k/images')))
test_evaluator = dict(type='mmpatchioner.TraceCaptionMetric')
test_cfg = dict(type='TestLoop')
