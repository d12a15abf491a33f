# ViECap's decoder for the paper's "T2D + Noise + ext. knowledge": GPT-2, fine-tuned with noise of variance 0.016 and the
# names that captions mention. 15 epochs of Karpathy's training captions in batches of 80.
_base_ = ['./decap_talk2dino_coco.py']

batch_size = 80
max_iters = 15 * (566_747 // batch_size)  # 106,260
warmup_iters = 5000
randomness = dict(seed=30)

model = dict(
    noise=dict(type='mmpatchioner.GaussianNoise', std=0.016**0.5),
    decoder=dict(
        _delete_=True,
        type='mmpatchioner.ViECapDecoder',
        prefix_dims=768,
        language_model='openai-community/gpt2',
        hard_prompt=dict(
            type='mmpatchioner.EntityPrompt',
            entities='checkpoints/talk2dino_entities_coco.safetensors'),
        caption_entities=dict(
            type='mmpatchioner.CaptionEntities', names='configs/training/coco_entities.txt'),
        tokenizer=dict(type='mmpatchioner.GPT2Tokenizer', pretrained='openai-community/gpt2')))

train_dataloader = dict(batch_size=batch_size)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 15)
# Those of transformers' AdamW, with which the released decoder was trained.
optim_wrapper = dict(optimizer=dict(lr=2e-5, weight_decay=0.0, eps=1e-6))
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=1 / warmup_iters, end=warmup_iters),
    dict(_base_.param_scheduler[1], begin=warmup_iters, end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=max_iters // 15))
