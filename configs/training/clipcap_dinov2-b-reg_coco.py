# ClipCap's decoder (arXiv 2111.09734) on DINOv2: GPT-2, fine-tuned behind a network that makes 10 vectors of the mean patch of
# a photo, at the length it has. Unlike all others it learns from pairs: COCO train2014 and its captions, 10 epochs in batches
# of 40. Each photo goes through the backbone once, before the training.
_base_ = ['./capdec_talk2dino_coco.py']

captions = 414_113  # of the 82,783 photos
batch_size = 40
max_iters = 10 * (captions // batch_size)  # 103,520

dataset = dict(
    _delete_=True,
    type='mmpatchioner.ImageEmbeddingDataset',
    neck=dict(
        type='mmpatchioner.DINOv2Neck',
        backbone=dict(pretrained='facebook/dinov2-with-registers-base')),
    view=dict(size=518, mode='squash'),
    feature='mean',
    batch_size=32,
    num_workers=4)

model = dict(
    space='dinov2-vitb14-reg',
    noise=None,
    normalize=False,
    decoder=dict(
        _delete_=True,
        type='mmpatchioner.ClipCapDecoder',
        prefix_dims=768,
        language_model='openai-community/gpt2',
        tokenizer=dict(type='mmpatchioner.GPT2Tokenizer', pretrained='openai-community/gpt2')))

train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        corpus=dict(sources=dict(path='data/coco/annotations/captions_train2014.json')),
        image_root='data/coco/train2014',
        image_template='COCO_train2014_{:0>12}.jpg',
        **dataset))
val_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        # The 5,000 test images of Karpathy are not looked at.
        corpus=dict(
            sources=dict(path='data/coco/annotations/captions_val2014.json'),
            exclude_image_sources=dict(path='data/coco/dataset_coco.json', splits=['test'])),
        image_root='data/coco/val2014',
        image_template='COCO_val2014_{:0>12}.jpg',
        **dataset))
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 10)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=max_iters // 10))
