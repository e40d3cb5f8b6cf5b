#!/usr/bin/env bash
# Ten minutes on two CPU cores. The codec that comes with the package codes clips beside x264; a codec of its kind is
# trained from its classical start; and files of all of them are measured, with a report.
#   demo/run.sh                 on the clips in $LVC_DATA, or on rendered scenes where there are none
#   demo/run.sh VIDEOS_FOLDER   on your own videos
set -euo pipefail
videos=${1:+$(realpath "$1")}
cd "$(dirname "$0")/.."

out=${DEMO_OUT:-demo/out}${videos:+/$(basename "$videos")}
export LVC_RUNS=$out/runs WANDB_MODE=offline
started=$SECONDS

say() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - started)) "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

mkdir -p "$out"
clips=${LVC_DATA:-../shared/data}
test=$out/test
if [ -n "$videos" ]; then
    say "Clips of 16 frames from $videos; every eighth is kept for measuring, at most three"
    run python -m data.build "$videos" "$out/clips" frames=16 size=416x240 clips_per_source=60 val_share=0 workers=2
    rm -rf "$test" "$out/train"
    mkdir -p "$test" "$out/train"
    number=0
    for clip in "$out"/clips/train/*; do
        [ -e "$clip" ] || continue
        if [ $((number % 8)) -eq 0 ] && [ $number -lt 24 ]; then to=$test; else to=$out/train; fi
        ln -s "$(realpath "$clip")" "$to/"
        number=$((number + 1))
    done
    [ $number -gt 1 ] || { echo "error: $videos: gives $number clips, and the demo needs 2 or more" >&2; exit 2; }
    train=(dataset=folder "dataset.path=$out/train" dataset.cache=true)
elif [ -d "$clips/train" ] && [ -d "$clips/test" ]; then
    say "Real clips from $clips"
    pattern='*_416x240*'  # small ones, where there are such
    compgen -G "$clips/test/$pattern" > /dev/null || pattern='*'
    rm -rf "$test"
    mkdir -p "$test"
    ln -s "$(realpath "$clips")"/test/$pattern "$test/"
    train=(dataset=folder "dataset.path=$clips/train" dataset.cache=true)
else
    say "Rendered scenes: $clips has no folders train and test; LVC_DATA=FOLDER names another, demo/run.sh FOLDER your videos"
    run python -m demo.scenes "$test" 2
    train=(dataset=synthetic dataset.clips=160 dataset.height=160 dataset.width=160 dataset.shapes=30 dataset.cache=true)
fi
measure=("dataset.path=$test" protocol.frames=17 protocol.short=use "qualities=[4,20,36,52]"
         codecs=[x264_ultrafast,x264] preset=medium bdrate.anchor=x264_ultrafast "output=$out/evaluation")
files=("$test"/*)
clip=${files[0]}

say "The package's codec: one clip to a file of 0.1 bits per pixel, and back"
run python -m lvc encode "$clip" "$out/clip.lvc" --bpp 0.1 --frames 17
run python -m lvc info "$out/clip.lvc"
run python -m lvc decode "$out/clip.lvc" "$out/clip.mp4"

say "Measure it on files, beside x264"
shipped=lvc/models/weights/light.safetensors
run python evaluate.py "exports=[$shipped]" "labels=[light]" "${measure[@]}"

say "Train a codec of its kind from its classical start: motion compensation and a KLT of your clips"
run python train.py model=light model.intra.pretrained=true schedule=light_short "${train[@]}" name=here \
    schedule.all.precision=auto trainer.channels_last=true trainer.workers=0 trainer.validation_clips=3

say "Measure it before and after"
run python evaluate.py "exports=[$shipped,$LVC_RUNS/here/stages/start.safetensors,$LVC_RUNS/here/codec.safetensors]" \
    "labels=[light,start,trained]" "${measure[@]}"

say "Done: open $out/evaluation/report.html; $out/clip.mp4 is the decoded clip"
