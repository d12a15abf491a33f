# The memory of whole images: 10,000 captions that stand for all of the training photos, with how many each stands for.
#   python tools/build_memory.py configs/mini/memory_captions.py work_dirs/mini/memory_captions.safetensors --dtype bf16
_base_ = ['./memory_phrases.py']
corpus = dict(_delete_=True, sources=_base_.flickr8k, clean='words')
medoids = 10_000
