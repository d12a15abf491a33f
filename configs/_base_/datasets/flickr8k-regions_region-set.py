# All boxes of a photo of Flickr8k as one set, with the five captions of the photo:
# python tools/dataset_converters/join_boxes.py $MMPATCHIONER_DATA/flickr8k/regions_dev.jsonl \
#     $MMPATCHIONER_DATA/flickr8k/captions.jsonl work_dirs/datasets/flickr8k-regions_sets.jsonl
data_root = '{{$MMPATCHIONER_DATA:data}}/'
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpatchioner.RegionSetCaptionDataset',
        ann_file='work_dirs/datasets/flickr8k-regions_sets.jsonl',
        data_prefix=dict(img=data_root + 'flickr8k/images')))
test_evaluator = dict(type='mmpatchioner.RegionSetCaptionMetric')
test_cfg = dict(type='TestLoop')
