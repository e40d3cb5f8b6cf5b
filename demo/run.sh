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
held_out=()
if [ -d "$clips/train" ] && [ -d "$clips/val" ] && [ -d "$clips/test" ]; then
    say "Real clips from $clips"
    pattern='*_416x240*'  # small ones, where there are such
    compgen -G "$clips/test/$pattern" > /dev/null || pattern='*'
    held_out=("$clips/test/"$pattern)
    train=(dataset=folder "dataset.path=$clips/train" dataset.cache=true
           validation=folder "validation.path=$clips/val" trainer.validation_clips=3)
    test=(dataset=folder "dataset.path=$clips/test" "dataset.pattern='$pattern'")
else
    say "Synthetic scenes: $clips has no folders train, val and test; LVC_DATA=FOLDER names another"
    train=(dataset=synthetic dataset.clips=400)
    test=(dataset=synthetic dataset.first=100000 dataset.clips=2 dataset.clip_frames=12)
fi
# bfloat16 networks in channels-last order: faster, also on a CPU. One thread each, because two trainings run at a time.
quick=(size=tiny "${train[@]}" trainer.workers=0 trainer.threads=1 trainer.channels_last=true
       schedule.all.precision=bf16-mixed trainer.log_every=100 trainer.progress=false)
intra() { echo "$LVC_RUNS/intra_cheng2020-tiny-mse-$1/codec.safetensors"; }
codec() { echo "$LVC_RUNS/dcvc_tcm-tiny-mse-$1/codec.safetensors"; }

# An intra codec at lambda $1 and DCVC-TCM at $2 around it; then both again at $3 and $4, from those weights.
two_points() {
    run python train.py model=intra_cheng2020 schedule=intra_short loss.lmbda="$1" "${quick[@]}"
    run python train.py model=dcvc_tcm schedule=tcm_short loss.lmbda="$2" model.intra.weights="$(intra "$1")" \
        model.flow.pretrained=true "${quick[@]}"
    run python train.py model=intra_cheng2020 schedule=intra_short loss.lmbda="$3" init_from="$(intra "$1")" \
        schedule.all.steps=200 schedule.all.lr=5e-4 "${quick[@]}"
    run python train.py model=dcvc_tcm schedule=tcm_short loss.lmbda="$4" init_from="$(codec "$2")" \
        model.intra.weights="$(intra "$3")" schedule.start_at=joint schedule.all.steps=50 "${quick[@]}"
}

say "Train four rate points, two at a time: an intra codec each, then motion, frames, everything, longer clips"
mkdir -p $out
two_points 845 512 436 256 &
other=$!
two_points 3141 2048 1626 1024 > $out/other_points.log 2>&1 || { cat $out/other_points.log; exit 1; }
wait $other

if [ ${#held_out[@]} -gt 0 ]; then
    say "Encode a held-out clip and decode it again"
    run python -m lvc encode "${held_out[${#held_out[@]} - 1]}" $out/clip.lvc --model "$(codec 512)" --frames 12
    run python -m lvc info $out/clip.lvc
    run python -m lvc decode $out/clip.lvc $out/clip.mp4
fi

say "Measure everything on bitstreams, beside x264 and x265"
run python evaluate.py "exports=$LVC_RUNS/dcvc_tcm-tiny-*/codec.safetensors" "${test[@]}" \
    protocol.frames=12 protocol.short=use "output=$out/evaluation"

say "Done: open $out/evaluation/report.html"
