#!/bin/sh
# Trains every learned system with the same budget of images, evaluates all rows
# and writes OUT/table.md, OUT/table.csv and OUT/table.png. Started again, it
# goes on where it was: finished rows stay, an unfinished one resumes. The exit
# status is 75 where a signal stopped it. slurm/README.md explains the variables.
set -eu

: "${OUT:=out/table}" "${RANKS:=2}" "${THREADS:=0}" "${SIZE:=64}"
: "${NGF:=32}" "${NDF:=16}" "${NEF:=16}" "${CAT:=16}" "${BATCH:=8}" "${STEPS:=1500}"
: "${LAUNCH:=mpirun -n $RANKS}" "${SAVE_EVERY:=250}" "${SHEET_ROWS:=8}" "${LIMIT:=0}"
: "${SWEEP:=$(dirname "$0")/table.sweep}" "${METHODS:=composite lalonde xue}" "${MINUTES:=}"
: "${EVAL:=}"
: "${EXTRA=--blend --dropout 0 --lr 0.001 --d-lr-ratio 0.2}"
: "${EXTRA_BARGAINNET=--lr-policy linear}"
: "${EXTRA_STYLE_RGB=--style-layers 7}" "${EXTRA_STYLE_HSV=--style-layers 7}"
: "${EXTRA_MASKPOOL=--recompose 0.5 --ema 0.999 --lr-policy cosine --warmup-steps 100}"
[ -z "${IMAGES:-}" ] || STEPS=$(((IMAGES + BATCH - 1) / BATCH))
if [ -n "$MINUTES" ]; then
    budget="$MINUTES minutes"
    limit="--lr-policy cosine --lr-horizon time --max-minutes $MINUTES"
else
    budget="$((STEPS * BATCH)) images ($STEPS steps of $BATCH)"
    limit="--steps $STEPS"
fi
program=${HARMONIA:-build/harmonia}

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

# ---- the rows ---------------------------------------------------------------------

# Each learned one as OPTIONS|NAME|LABEL|MSE|PSNR, the last two published, if at all.
rows=$(awk -F '|' '
    /^#/ { if (NF > 1) head = substr($0, 2); next }
    NF && head != "" { print $0 "|" head; head = "" }' "$SWEEP" |
    sed 's/ *| */|/g')
[ -n "$rows" ] || die "SWEEP: $SWEEP has no rows"
all=$(echo "$rows" | cut -d '|' -f 2)
: "${ROWS:=$all}"
options_of() { echo "$rows" | awk -F '|' -v name="$1" '$2 == name { print $1 }'; }
for row in $ROWS; do
    [ -n "$(options_of "$row")" ] || die "ROWS: $SWEEP has no row $row"
done

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
    echo "NGF=$NGF NDF=$NDF NEF=$NEF CAT=$CAT BATCH=$BATCH"
    echo "$limit"
    echo "EXTRA=$EXTRA"
    for row in $all; do
        echo "$row: $(options_of "$row") $(extra_of "$row")"
    done
}
settings >"$OUT/settings.new"
if [ -s "$OUT/settings" ] && ! cmp -s "$OUT/settings" "$OUT/settings.new"; then
    diff "$OUT/settings" "$OUT/settings.new" >&2 || :
    die "$OUT holds a table of other settings (< above): choose another OUT"
fi
mv "$OUT/settings.new" "$OUT/settings"

# ---- training ---------------------------------------------------------------------

# A row that is trained has its last checkpoint's name beside them.
checkpoint_of() { echo "$OUT/$1/$(cat "$OUT/$1/trained")"; }
is_trained() { [ -s "$OUT/$1/trained" ] && [ -s "$(checkpoint_of "$1")" ]; }

# Half of the budget at the full learning rate, half to bring it down to zero, as
# the published 100 + 100 epochs; by the clock it falls from the start.
half=$(awk -v n="$train_count" -v images="$((STEPS * BATCH))" \
    'BEGIN { print images / n / 2 }')
for row in $ROWS; do
    if is_trained "$row"; then
        say "$row is trained"
        continue
    fi
    say "training $row: $budget"
    # shellcheck disable=SC2046,SC2086
    attend $LAUNCH "$program" train --resume --data "$DATA" --out "$OUT/$row" \
        --ngf "$NGF" --ndf "$NDF" --nef "$NEF" --cat-channels "$CAT" \
        --batch "$BATCH" --threads "$THREADS" --save-every "$SAVE_EVERY" --keep 2 \
        --lr-constant-epochs "$half" --lr-decay-epochs "$half" \
        $EXTRA $(options_of "$row") $(extra_of "$row") $limit ||
        die "$row failed (exit status $?); rows before it are kept in $OUT"
    last=$("$program" info --newest "$OUT/$row")
    echo "${last#"$OUT/$row/"}" >"$OUT/$row/trained"
done

# ---- evaluation -------------------------------------------------------------------

set --
for method in $METHODS; do
    set -- "$@" --method "$method"
done
for row in $ROWS; do
    set -- "$@" --checkpoint "$(checkpoint_of "$row")" --label "$row"
done
say "evaluating"
# shellcheck disable=SC2086
attend $LAUNCH "$program" eval --data "$DATA" --threads "$THREADS" --limit "$LIMIT" \
    --xue-model "$OUT/xue.model" "$@" $EVAL --cost --csv "$OUT/eval.csv" \
    --sheet "$OUT/table.png" --sheet-rows "$SHEET_ROWS" >"$OUT/eval.txt" ||
    die "the evaluation failed (exit status $?); trained rows are kept in $OUT"

# ---- the table --------------------------------------------------------------------

published=$(echo "$rows" | awk -F '|' '$4 != "" { print "yes"; exit }')
# NAME|LABEL|MSE|PSNR of all that can be a row.
labels() {
    cat <<'LINES'
composite|Composite||
lalonde|Lalonde and Efros|110|31
xue|Xue|77|32
LINES
    echo "$rows" | cut -d '|' -f 2-
}
# Writes table.csv; the Markdown on stdout.
join_published() {
    labels | awk -F '|' -v csv="$OUT/table.csv" -v published="$published" '
        FILENAME == "-" { name[$1] = $2; mse[$1] = $3; psnr[$1] = $4; next }
        FNR == 1 {
            n = split($0, heading, ",")
            for (i = 1; i <= n; i++) column[heading[i]] = i
            print "method,name,mse,psnr,published_mse,published_psnr,fmse,ssim," \
                "mse_ratio,parameters,multiply_adds,seconds,images" >csv
            print "| Method | MSE | of the composite\047s | PSNR | fMSE | SSIM " \
                "| parameters, M | multiply-adds, G | seconds an image |" \
                (published ? " published MSE | PSNR |" : "")
            print "|---|--:|--:|--:|--:|--:|--:|--:|--:|" \
                (published ? "--:|--:|" : "")
            next
        }
        {
            split($0, v, ",")
            m = v[1]
            if (m == "composite") whole = cell("mse")
            ratio = whole > 0 && cell("mse") != "" ? cell("mse") / whole : ""
            printf "%s,\"%s\",%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n", m, name[m],
                cell("mse"), cell("psnr"), mse[m], psnr[m], cell("fmse"),
                cell("ssim"), ratio, cell("parameters"), cell("multiply_adds"),
                cell("seconds"), cell("images") >csv
            printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |%s\n",
                name[m], number(cell("mse"), 2), number(ratio, 3),
                number(cell("psnr"), 2), number(cell("fmse"), 2),
                number(cell("ssim"), 4), number(cell("parameters"), 2, 1e-6),
                number(cell("multiply_adds"), 3, 1e-9),
                number(cell("seconds"), 4),
                published ? " " mse[m] " | " psnr[m] " |" : ""
        }
        function cell(heading) { return v[column[heading]] }
        # An empty cell: there is no such value.
        function number(value, digits, unit) {
            return value == "" ? "-" : \
                sprintf("%." digits "f", value * (unit ? unit : 1))
        }' - "$OUT/eval.csv"
}
{
    join_published
    printf '\n%s for each learned row, out of %d composites; ' "$budget" "$train_count"
    printf 'evaluated on %d of %d x %d pixels. Data set %s.\n' \
        "$(sed -n '2s/.*,//p' "$OUT/table.csv")" "$(data_value size)" \
        "$(data_value size)" "$(data_value identity)"
    printf 'Seconds: on one of %s ranks.\n' "$RANKS"
    [ -z "$published" ] ||
        echo "Published: HCOCO, 256 x 256 pixels, PCT-Net's at full size."
    printf '\nOptions that are not the defaults of `harmonia train`:\n\n'
    for row in $ROWS; do
        last=$(checkpoint_of "$row")
        printf -- '- %s, %d steps: `%s`\n' "$row" \
            "$("$program" info "$last" | awk '$1 == "step" { print $2 }')" \
            "$("$program" info --changed "$last" |
                sed 's/ --\(save-every\|keep\|report-samples\)=[^ ]*//g')"
    done
} >"$OUT/table.md.new"
mv "$OUT/table.md.new" "$OUT/table.md"
cat "$OUT/table.md"
say "wrote $OUT/table.md, table.csv and table.png"
