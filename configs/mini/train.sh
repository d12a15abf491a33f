#!/usr/bin/env bash
# Trains `mini` from its data: alignment, two memories, decoder; 1 to 1.5 hours on two cores.
#   MMPATCHIONER_DATA=/path/to/data configs/mini/train.sh
# A stopped run goes on where it was. The files of the model are in work_dirs/mini/model in the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${MMPATCHIONER_DATA:?name the folder of the data, see configs/mini/README.md}"
python=${PYTHON:-.venv/bin/python}
work=work_dirs/mini

"$python" tools/train.py configs/mini/alignment.py --work-dir $work/alignment --resume
for memory in phrases captions; do
    "$python" tools/build_memory.py configs/mini/memory_$memory.py $work/memory_$memory.safetensors \
        --dtype bf16 --no-texts
done
"$python" tools/train.py configs/mini/decoder.py --work-dir $work/decoder --resume

mkdir -p $work/model
cp $work/alignment/export/feature_transform.safetensors $work/memory_*.safetensors \
    $work/decoder/export/{decoder.safetensors,tokenizer.json} $work/model/
ls -l $work/model
