"""Text encoders of few channels, and projections behind them."""

from tests.reductions import WIDTH, reduces
from tests.reductions.text import write_tokenizer
from tests.test_engine.tiny_models import write_bert
from tests.test_evaluation.tiny_clip import save_tiny_clip

TOWER = dict(
    hidden_size=WIDTH,
    intermediate_size=2 * WIDTH,
    num_hidden_layers=2,
    num_attention_heads=2,
    projection_dim=WIDTH,
    vocab_size=80,
)


@reduces('CLIPTextEncoder')
def reduce_clip_text(encoder, folder):
    clip = folder / 'clip'
    if not clip.exists():
        save_tiny_clip(clip, projection_dim=WIDTH)
    encoder.model = str(clip)


@reduces('SentenceTextEncoder')
def reduce_sentence(encoder, folder):
    bert = folder / 'bert'
    if not bert.exists():
        write_bert(bert)
    encoder.model = str(bert)


@reduces('DenseCLIPTextEncoder', 'RegionCLIPTextEncoder')
def reduce_clip_tower(encoder, folder):
    encoder.tower = dict(config=TOWER)
    encoder.tokenizer = write_tokenizer(folder)


@reduces('DINOTxtTextEncoder')
def reduce_dinotxt_text(encoder, folder):
    encoder.tower = dict(vocab_size=80, dims=WIDTH, num_layers=2, num_heads=2, out_dims=2 * WIDTH)
    encoder.tokenizer = write_tokenizer(folder)


@reduces('TextProjection')
def reduce_projection(projection, folder):
    projection.update(in_dims=WIDTH, out_dims=WIDTH)
    if projection.get('hidden_dims') is not None:
        projection.hidden_dims = WIDTH
    projection.pop('init_cfg', None)
