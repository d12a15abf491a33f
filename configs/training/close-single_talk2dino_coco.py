# CLOSE's noise where one caption is learnt from each (arXiv 2211.09778; 0.12 in its code), with the decoder and the schedule
# of the paper in place of its T5.
_base_ = ['./decap_talk2dino_coco.py']

model = dict(noise=dict(type='mmpatchioner.GaussianNoise', std=0.12))
