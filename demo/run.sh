#!/usr/bin/env bash
# From nothing to a report: train a small codec and its intra codec at four rate points, export them, encode and decode
# held-out clips, and measure them beside x264 and x265. About a quarter of an hour on two CPU cores.
set -euo pipefail
cd "$(dirname "$0")/.."

out=demo/out
export LVC_RUNS=$out/runs LVC_CACHE=$out/cache WANDB_MODE=offline
started=$SECONDS

say() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - started)) "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

clips=${LVC_DATA:-../shared/data}
if [ -d "$clips/train" ] && [ -d "$clips/test" ]; then
    say "Real clips from $clips"
    train=(dataset=folder "dataset.path=$clips/train" dataset.cache=true
           validation=folder "validation.path=$clips/val" trainer.validation_clips=3)
    test=(dataset=folder "dataset.path=$clips/test" 'dataset.pattern=*_416x240*')
else
    say "No real clips (LVC_DATA is not set and ../shared/data is not there): synthetic scenes"
    train=(dataset=synthetic dataset.clips=400)
    test=(dataset=synthetic dataset.first=100000 dataset.clips=2 dataset.clip_frames=12)
fi
# bfloat16 networks in channels-last order: about twice as fast, also on a CPU
quick=(size=tiny "${train[@]}" trainer.workers=0 trainer.channels_last=true schedule.all.precision=bf16-mixed
       trainer.log_every=100)
intra() { echo "$LVC_RUNS/intra_cheng2020-tiny-mse-$1/codec.safetensors"; }
codec() { echo "$LVC_RUNS/dcvc_tcm-tiny-mse-$1/codec.safetensors"; }

say "Train the intra codec"
run python train.py model=intra_cheng2020 schedule=intra_short loss.lmbda=845 "${quick[@]}"
say "Train DCVC-TCM around it: motion, frames, everything, then over decoded references"
run python train.py model=dcvc_tcm schedule=tcm_short loss.lmbda=512 model.intra.weights="$(intra 845)" "${quick[@]}"

say "Three more rate points, each from the first one's weights"
for point in 436:256 1626:1024 3141:2048; do
    run python train.py model=intra_cheng2020 schedule=intra_short loss.lmbda="${point%:*}" \
        init_from="$(intra 845)" schedule.all.steps=200 schedule.all.lr=5e-4 "${quick[@]}"
    run python train.py model=dcvc_tcm schedule=tcm_short loss.lmbda="${point#*:}" init_from="$(codec 512)" \
        model.intra.weights="$(intra "${point%:*}")" schedule.start_at=joint schedule.all.steps=80 "${quick[@]}"
done

say "Encode a held-out clip and decode it again"
if [ -d "$clips/test" ]; then
    run python -m lvc encode "$clips/test/foliage_416x240.mkv" $out/foliage.lvc --model "$(codec 512)" --frames 12
    run python -m lvc info $out/foliage.lvc
    run python -m lvc decode $out/foliage.lvc $out/foliage.mp4
fi

say "Measure everything on bitstreams, beside x264 and x265"
run python evaluate.py "exports=$LVC_RUNS/dcvc_tcm-tiny-*/codec.safetensors" "${test[@]}" \
    protocol.frames=12 protocol.short=use "output=$out/evaluation"

say "Done: open $out/evaluation/report.html"
