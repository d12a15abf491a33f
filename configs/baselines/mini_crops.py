# `mini` on crops: every region is cut out of its image, squashed as images are, and captioned by the mean of its patches.
_base_ = ['../mini/mini.py']
model = dict(
    type='mmpatchioner.CropCaptioner',
    view=dict(size=336),
    caption_head=dict(region_feature='image'))

keep_image = dict(type='mmpatchioner.KeepImage')
test_pipeline = [_base_.test_pipeline[0], keep_image, *_base_.test_pipeline[1:]]
region_pipeline = [_base_.region_pipeline[0], keep_image, *_base_.region_pipeline[1:]]
