"""Talk2DINO's projections and the inverse of the linear one (`ProjectionLayer`, `embedding_utils`)."""

from __future__ import annotations

from torch import Tensor, nn

from tests.tools.parity.drawing import Draw, rounded
from tests.tools.parity.released import released

IN_DIMS, OUT_DIMS = 12, 20
# Activation and hidden layers of the config files.
VARIANTS = [('tanh', True), ('tanh', 2), ('relu', 1), ('sigmoid', 1), (None, 1), ('tanh', False)]


def record() -> tuple[dict[str, Tensor], dict]:
    draw = Draw(0)
    texts = draw.normal(5, IN_DIMS, scale=2.0)
    tensors, layer_class = {'texts': texts}, released('talk2dino.talk2dino').ProjectionLayer
    for index, (act, hidden) in enumerate(VARIANTS):
        layer = layer_class.from_config(
            {
                'act': act,
                'hidden_layer': hidden,
                'dino_embed_dim': OUT_DIMS,
                'clip_embed_dim': IN_DIMS,
            }
        )
        _draw_weights(layer, draw)
        tensors |= {f'{index}.weights.{name}': value for name, value in layer.state_dict().items()}
        tensors[f'{index}.projected'] = layer.project_clip_txt(texts)
    linear = layer.linear_layer  # of the last variant
    vectors = draw.normal(4, OUT_DIMS)
    utils = released('embedding_utils')
    tensors['vectors'] = vectors
    tensors['pseudo_inverse'] = utils.get_pseudo_inverse(linear.weight)
    tensors['inverted'] = utils.revert_transformation(vectors, linear)
    return tensors, {'variants': VARIANTS}


def _draw_weights(layer: nn.Module, draw: Draw) -> None:
    for parameter in layer.parameters():
        parameter.copy_(rounded(draw.normal(*parameter.shape) / parameter.shape[-1] ** 0.5))
