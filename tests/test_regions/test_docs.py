from __future__ import annotations

import re
from pathlib import Path


def test_snippets_of_the_guide_run(capsys):
    guide = (Path(__file__).parents[2] / 'docs' / 'regions.md').read_text(encoding='utf-8')
    names: dict = {}
    for snippet in re.findall(r'```python\n(.*?)```', guide, flags=re.DOTALL):
        exec(snippet, names)
    assert names['z'].shape == (5, 768)
    assert names['as_released'].shape == (5, 1369)
    printed = capsys.readouterr().out
    assert "['box', 'point', 'trace', 'set', 'image']" in printed
    assert 'boxes[1]: expected xyxy with x1 <= x2 and y1 <= y2, got [700, 10, 90, 60]' in printed
