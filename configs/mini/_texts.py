# Texts and encoder of the trainings of `mini`. MMPATCHIONER_DATA names the folder of the data (README.md tells what is
# in it); captions are compared and written as lower-case words.
data_root = '{{$MMPATCHIONER_DATA:data}}'
flickr8k = dict(path=data_root + '/flickr8k/captions.jsonl', splits=['train'])
flickr30k = dict(path=data_root + '/text/train_captions.tsv', column=1, rows={'0': ['flickr30k']})
# Captions of the photos that the model is chosen on, and of Karpathy's COCO test split.
held_out = [dict(path=data_root + '/flickr8k/captions.jsonl', splits=['val', 'region_dev'])]
minilm = dict(type='mmpatchioner.SentenceTextEncoder', model='minilm')
projection = dict(
    type='mmpatchioner.TextProjection',
    in_dims=384,
    hidden_dims=1024,
    out_dims=384,
    activation='tanh',
    scale=8.0)
space = 'mini-dinov2-s14'
