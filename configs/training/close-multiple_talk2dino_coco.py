# CLOSE where several captions are known of an image (arXiv 2211.09778): from each, the others are learnt, which takes less
# noise (0.04 in its code). The decoder and the number of steps are those of the paper, in place of its T5.
_base_ = ['./decap_talk2dino_coco.py']

model = dict(noise=dict(type='mmpatchioner.GaussianNoise', std=0.04))
train_dataloader = dict(dataset=dict(targets='others'))
