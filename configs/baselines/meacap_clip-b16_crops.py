# MeaCap on crops: every region is cut out of its image and captioned as an image of its own. As published, crops lose
# what lies beside their central square, and all rank alike.
_base_ = ['./meacap_clip-b16_whole-image.py']
model = dict(
    type='mmpatchioner.CropCaptioner',
    view=dict(mode='center_crop', **_base_.view),
    caption_head=dict(score_mode='constant'))

keep_image = dict(type='mmpatchioner.KeepImage')
test_pipeline = [_base_.test_pipeline[0], keep_image, *_base_.test_pipeline[1:]]
region_pipeline = [_base_.region_pipeline[0], keep_image, *_base_.region_pipeline[1:]]
