# The variant without a memory (CapDec): noise of 0.08 per dimension stands for the gap between patches and text.
_base_ = ['./decap_talk2dino_coco.py']

model = dict(noise=dict(type='mmpatchioner.GaussianNoise', std=0.08))
