#!/bin/sh
# Trains every learned system with the same budget of images, evaluates all rows
# and writes OUT/table.md, OUT/table.csv and OUT/table.png. Started again, it
# goes on where it was: finished rows stay, an unfinished one resumes. The exit
# status is 75 where a signal stopped it. slurm/README.md explains the variables.
set -eu

: "${OUT:=out/table}" "${RANKS:=2}" "${THREADS:=0}" "${SIZE:=64}"
: "${NGF:=32}" "${NDF:=16}" "${NEF:=16}" "${CAT:=16}" "${BATCH:=8}" "${STEPS:=1500}"
: "${LAUNCH:=mpirun -n $RANKS}" "${SAVE_EVERY:=250}" "${SHEET_ROWS:=8}" "${LIMIT:=0}"
: "${EXTRA=--blend --dropout 0 --lr 0.001 --d-lr-ratio 0.2}"
: "${EXTRA_BARGAINNET=--lr-policy linear}"
: "${EXTRA_STYLE_RGB=--style-layers 7}" "${EXTRA_STYLE_HSV=--style-layers 7}"
[ -z "${IMAGES:-}" ] || STEPS=$(((IMAGES + BATCH - 1) / BATCH))
program=${HARMONIA:-build/harmonia}
models="dovenet bargainnet unet3plus style-rgb style-hsv"
[ "${UNET:-no}" = no ] || models="$models unet"

say() { printf 'table: %s\n' "$*" >&2 || :; }
die() {
    say "$*"
    exit 1
}

# ---- signals: the program saves and ends, then this script does -----------------

child=
stopped=
trap 'stopped=yes; [ -z "$child" ] || kill -USR1 "$child" 2>/dev/null || :' \
    HUP INT TERM USR1
trap '' PIPE # whoever read the messages may go

# attend COMMAND...: runs it and passes signals on.
attend() {
    [ -z "$stopped" ] || exit 75
    "$@" &
    child=$!
    [ -z "$stopped" ] || kill -USR1 "$child" 2>/dev/null || : # it came meanwhile
    code=0
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do # a signal ended the wait
        code=0
        wait "$child" || code=$?
    done
    child=
    [ -z "$stopped" ] || {
        say "stopped; the same command goes on"
        exit 75
    }
    return "$code"
}

# ---- the data set ---------------------------------------------------------------

[ -x "$program" ] || die "$program is not there: run make first"
mkdir -p "$OUT"
if [ -z "${DATA:-}" ]; then
    DATA=$OUT/data-$SIZE.h5
    folder=${HCOCO:-$OUT/composed}
    if [ ! -s "$DATA" ]; then
        [ -n "${HCOCO:-}${TABLE_PHOTOS:-}" ] ||
            die "no data: give DATA=F.h5, HCOCO=FOLDER or TABLE_PHOTOS=FOLDER"
        [ -n "${HCOCO:-}" ] || attend "$program" compose "$TABLE_PHOTOS" \
            "$folder" --per-image "${PER_IMAGE:-4}" --seed 1
        attend "$program" pack "$folder" "$DATA" --size "$SIZE"
    fi
fi
"$program" info "$DATA" >"$OUT/data.txt" || die "$DATA: no data set"
data_value() { awk -v key="$1" '$1 == key { print $2 }' "$OUT/data.txt"; }
train_count=$(data_value train)

# One folder holds one table: rows of different settings do not compare.
extra_of() {
    eval "printf '%s' \"\${EXTRA_$(printf %s "$1" | tr a-z- A-Z_):-}\""
}
settings() {
    echo "data $(data_value identity)"
    echo "NGF=$NGF NDF=$NDF NEF=$NEF CAT=$CAT BATCH=$BATCH STEPS=$STEPS"
    echo "EXTRA=$EXTRA"
    for model in dovenet bargainnet unet3plus style-rgb style-hsv unet; do
        echo "$model $(extra_of $model)"
    done
}
settings >"$OUT/settings.new"
if [ -s "$OUT/settings" ] && ! cmp -s "$OUT/settings" "$OUT/settings.new"; then
    diff "$OUT/settings" "$OUT/settings.new" >&2 || :
    die "$OUT holds a table of other settings (< above): choose another OUT"
fi
mv "$OUT/settings.new" "$OUT/settings"

# ---- training ---------------------------------------------------------------------

last_of() { printf '%s/%s/checkpoints/step-%08d.h5' "$OUT" "$1" "$STEPS"; }

# Half of the budget at the full learning rate, half to bring it down to zero, as
# the published 100 + 100 epochs.
half=$(awk -v n="$train_count" -v images="$((STEPS * BATCH))" \
    'BEGIN { print images / n / 2 }')
for model in $models; do
    if [ -s "$(last_of "$model")" ]; then
        say "$model is trained"
        continue
    fi
    say "training $model: $STEPS steps of $BATCH images"
    # shellcheck disable=SC2046,SC2086
    attend $LAUNCH "$program" train --resume --data "$DATA" \
        --out "$OUT/$model" --model "$model" \
        --ngf "$NGF" --ndf "$NDF" --nef "$NEF" --cat-channels "$CAT" \
        --batch "$BATCH" --steps "$STEPS" --threads "$THREADS" \
        --lr-constant-epochs "$half" --lr-decay-epochs "$half" \
        --save-every "$SAVE_EVERY" --keep 2 $EXTRA $(extra_of "$model") ||
        die "$model failed (exit status $?); rows before it are kept in $OUT"
    [ -s "$(last_of "$model")" ] || die "$model: no $(last_of "$model")"
done

# ---- evaluation -------------------------------------------------------------------

set --
for model in $models; do
    set -- "$@" --checkpoint "$(last_of "$model")"
done
say "evaluating"
# shellcheck disable=SC2086
attend $LAUNCH "$program" eval --data "$DATA" --threads "$THREADS" --limit "$LIMIT" \
    --method composite --method lalonde --method xue \
    --xue-model "$OUT/xue.model" "$@" --csv "$OUT/eval.csv" \
    --sheet "$OUT/table.png" --sheet-rows "$SHEET_ROWS" >"$OUT/eval.txt" ||
    die "the evaluation failed (exit status $?); trained rows are kept in $OUT"

# ---- the table --------------------------------------------------------------------

# Ours beside the published: model, name, MSE, PSNR.
published() {
    cat <<'LINES'
composite|Composite||
lalonde|Lalonde and Efros|110|31
xue|Xue|77|32
dovenet|Dove-Net|35|36
bargainnet|Bargain-Net|29|37
unet3plus|U-Net 3+ generator|79|32
style-rgb|U-Net + style encoder, RGB|60|34
style-hsv|U-Net + style encoder, HSV|48|34
unet|U-Net, L1||
LINES
}
# Writes table.csv; the Markdown on stdout.
join_published() {
    published | awk -F '|' -v csv="$OUT/table.csv" '
        FILENAME == "-" { name[$1] = $2; mse[$1] = $3; psnr[$1] = $4; next }
        FNR == 1 {
            n = split($0, heading, ",")
            for (i = 1; i <= n; i++) column[heading[i]] = i
            print "method,name,mse,psnr,published_mse,published_psnr,fmse," \
                "ssim,images" >csv
            print "| Method | MSE | PSNR | published MSE | PSNR | fMSE | SSIM |"
            print "|---|--:|--:|--:|--:|--:|--:|"
            next
        }
        {
            split($0, v, ",")
            m = v[1]
            printf "%s,\"%s\",%s,%s,%s,%s,%s,%s,%s\n", m, name[m],
                v[column["mse"]], v[column["psnr"]], mse[m], psnr[m],
                v[column["fmse"]], v[column["ssim"]], v[column["images"]] >csv
            printf "| %s | %.2f | %.2f | %s | %s | %.2f | %.4f |\n", name[m],
                v[column["mse"]], v[column["psnr"]], mse[m], psnr[m],
                v[column["fmse"]], v[column["ssim"]]
        }' - "$OUT/eval.csv"
}
{
    join_published
    printf '\n%d images (%d steps of %d) for each learned row, out of %d; ' \
        $((STEPS * BATCH)) "$STEPS" "$BATCH" "$train_count"
    printf 'evaluated on %d of %d x %d pixels. Data set %s.\n' \
        "$(sed -n '2s/.*,//p' "$OUT/table.csv")" "$(data_value size)" \
        "$(data_value size)" "$(data_value identity)"
    printf 'Published: HCOCO, 256 x 256 pixels.\n\nOptions that are not the '
    printf 'defaults of `harmonia train`:\n\n'
    for model in $models; do
        "$program" info --changed "$(last_of "$model")" |
            sed 's/ --\(save-every\|keep\|report-samples\)=[^ ]*//g; s/.*/- `&`/'
    done
} >"$OUT/table.md.new"
mv "$OUT/table.md.new" "$OUT/table.md"
cat "$OUT/table.md"
say "wrote $OUT/table.md, table.csv and table.png"
