# The view of ProxyCLIP with DINO: squashed to 296 x 296, 37 x 37 patches of 8 pixels; ImageNet statistics.
view = dict(size=296)
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='mmpatchioner.AddPatchView', **view),
    dict(type='mmpatchioner.PackCaptionInputs'),
]
# The same, and the regions that a dataset annotates are captioned, not those that the model finds.
region_pipeline = [*test_pipeline[:-1], dict(type='mmpatchioner.LoadCaptionRegions'), test_pipeline[-1]]
