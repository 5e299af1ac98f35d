# Whole training steps against the small golden records, in float and in double.
# Whole records: build/tests/parity FILE.h5...
records=
for name in dovenet_instance dovenet_batch dovenet_ganmodes bargainnet idih \
    pct harmonizer_ops; do
    records="$records $HARMONIA_SOURCE/tests/golden/$name.h5"
done
number=0
failed=0

# check STATUS WHAT: one line of TAP.
check() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        failed=1
    fi
}

for program in parity parity_double; do
    for record in $records; do
        output=$("$HARMONIA_BUILD/tests/$program" "$record" 2>&1)
        code=$?
        check $code "$program ${record##*/}"
        echo "$output" | sed 's/^/# /'
    done
done
"$HARMONIA_BUILD/tests/parity" 2>/dev/null
[ $? -eq 2 ]
check $? "no record is a usage error"
"$HARMONIA_BUILD/tests/parity" /no/such/file 2>/dev/null
[ $? -eq 1 ]
check $? "a missing record is an error"
echo "1..$number"
exit $failed
