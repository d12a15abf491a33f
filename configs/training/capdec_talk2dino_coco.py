# CapDec (arXiv 2211.00575) in the space of Talk2DINO, with its own network: GPT-2, fine-tuned behind a transformer that makes
# 40 vectors of the one, and Gaussian noise of variance 0.016. 10 epochs of Karpathy's training captions in batches of 36.
# Its code offers two other noises:
#   noise=dict(type='mmpatchioner.UniformBallNoise', radius=0.016**0.5)
#   noise=dict(type='mmpatchioner.GaussianNoise', std=0.016**0.5, shift='gap/gap.safetensors')
_base_ = ['./viecap_talk2dino_coco.py']

batch_size = 36
max_iters = 10 * (566_747 // batch_size)  # 157,420
randomness = dict(seed=0)

model = dict(
    decoder=dict(
        hard_prompt=None, caption_entities=None, soft_prompt=dict(num_inputs=40, num_outputs=40)))

train_dataloader = dict(batch_size=batch_size)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 10)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=max_iters // 10))
