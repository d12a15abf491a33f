# SYNTHESISED traces: a zig-zag within each annotated box of Flickr8k, no person drew them. To see that the task runs:
# python tools/dataset_converters/synthesise_traces.py $MMPATCHIONER_DATA/flickr8k/regions_dev.jsonl \
#     work_dirs/datasets/flickr8k-regions_synthesised-traces.jsonl --images $MMPATCHIONER_DATA/flickr8k/images
data_root = '{{$MMPATCHIONER_DATA:data}}/'
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.TraceCaptionDataset',
        ann_file='work_dirs/datasets/flickr8k-regions_synthesised-traces.jsonl',
        data_prefix=dict(img=data_root + 'flickr8k/images')))
test_evaluator = dict(type='mmpatchioner.TraceCaptionMetric')
test_cfg = dict(type='TestLoop')
