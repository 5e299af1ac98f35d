# dist/launch over four virtual hosts: the same bits as one rank, also where a
# cable is cut or a host is killed on the way.
. "$HARMONIA_SOURCE/tests/cluster/common"

mkdir data
small_set data/d.h5 || exit 1
steps=120
options="--data data/d.h5 --ngf 4 --batch 8 --micro-batch 1 --threads 1 --report-samples 0
    --save-every 10 --keep 4 --steps $steps"
run 120 "$HARMONIA" train $options --out one
exits 0 "one host"
for k in 1 2 3 4; do echo "h$k slots=1 # a virtual host"; done >hosts
run 60 "$cluster/hosts" up "$net" 4
exits 0 "four virtual hosts"
[ "$code" -eq 0 ] || finish

# launch OUT OPTIONS...: in the background, from h1
launch() {
    folder=$1
    shift
    background "$cluster/hosts" run "$net" h1 "$HARMONIA_SOURCE/dist/launch" --hosts hosts \
        --agent "$agent" --probe-seconds 5 -- train $options --out "$folder" "$@"
    launched=$!
    started=$(date +%s)
}
ended() { # CODE WHAT
    wait $launched
    code=$?
    seconds=$(($(date +%s) - started))
    cp .background.out "$stdout"
    cp .background.err "$stderr"
    exits "$1" "$2"
}
# begun OUT: once it has saved, the network becomes slow, so that a run of little work
# is still there when something happens to it.
begun() {
    wait_until 60 saved "$1"
    hosts rate h1 20mbit
}
quickly() { hosts rate h1 none; }
saved() { test -n "$(find "$1/checkpoints" -name 'step-*.h5' 2>/dev/null)"; }
deserted() { ! hosts processes "$1" | grep -q harmonia; }
same() { same_bits "$2: the same bits" "$(checkpoint one $steps)" "$(checkpoint "$1" $steps)"; }

agent=$net/agent

# Who does not read keeps the other end of the connection busy, even beyond its death.
background "$cluster/hosts" run "$net" h1 perl -MIO::Socket::INET -e '
    my $server = IO::Socket::INET->new(Listen => 1, LocalPort => 7777) or die;
    sleep'
background "$cluster/hosts" run "$net" h2 bash -c '
    until exec 3>/dev/tcp/h1/7777; do sleep 0.1; done
    exec cat /dev/zero >&3'
unsent() { hosts run h2 "ss -Htn dst 10.77.0.1" | awk '{ bytes += $3 } END { exit bytes < 100000 }'; }
check "a host has a connection that is stuck" wait_until 20 unsent
hosts kill h2
check "killed, it boots again at once" hosts boot h2
check "it is reached, and reaches others" hosts run h1 "$agent h2 $agent h1 true"

for shard in $shards; do
    if [ "$shard" = stream ]; then # from rank 0, the only one that sees the file
        for k in 2 3 4; do hosts run h$k "mount -t tmpfs none $scratch/data"; done
    fi
    name="4 hosts$(with_shard "$shard")"
    launch "four$shard" $(with_shard "$shard")
    ended 0 "$name"
    says "4 ranks on h1 h2 h3 h4" "$name: a rank each"
    same "four$shard" "$name"

    name="a cable is cut$(with_shard "$shard")"
    launch "cut$shard" $(with_shard "$shard")
    begun "cut$shard"
    hosts cut h3
    quickly
    ended 0 "$name"
    says "restart 1 of 10 from cut$shard/checkpoints/step-" "$name: started again"
    says "3 ranks on h1 h2 h4; left out, .* answer: h3" "$name: on the three others"
    same "cut$shard" "$name"
    check "$name: nothing is left running behind it" wait_until 30 deserted h3
    hosts join h3

    name="a host is killed$(with_shard "$shard")"
    launch "killed$shard" $(with_shard "$shard")
    begun "killed$shard"
    hosts kill h2
    quickly
    ended 0 "$name"
    says "restart 1 of 10 from killed$shard/checkpoints/step-" "$name: started again"
    says "3 ranks on h1 h3 h4; left out, .* answer: h2" "$name: on the three others"
    same "killed$shard" "$name"
    check "$name: it boots again" hosts boot h2
done
for k in 3 4; do hosts run h$k "umount -q $scratch/data" || :; done

name="SIGTERM to the launcher"
launch stopped
begun stopped
kill -TERM $launched
quickly
ended 75 "$name: stopped"
# the second where mpirun had ended its ranks and did not hear signals any more
says "stopped by a signal( and saved|; newest checkpoint: stopped/.*step-)" "$name: and saved"
launch stopped --resume
ended 0 "$name: with --resume it goes on"
same stopped "$name"

# ---- over ssh ------------------------------------------------------------------------

needs ssh openssh-client
sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || {
    skip "no sshd (package openssh-server)"
    finish
}
mkdir ssh
ssh-keygen -q -t ed25519 -N '' -f ssh/host
ssh-keygen -q -t ed25519 -N '' -f ssh/user
for k in 2 3 4; do
    "$cluster/hosts" run "$net" h$k sh -c 'mount -t tmpfs run /run && mkdir /run/sshd'
    "$cluster/hosts" run "$net" h$k "$sshd" -f /dev/null -o "HostKey=$scratch/ssh/host" \
        -o "AuthorizedKeysFile=$scratch/ssh/user.pub" -o "PidFile=none" -o StrictModes=no \
        -o PermitRootLogin=prohibit-password -o UsePAM=no
done
agent="ssh -q -i $scratch/ssh/user -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
launch ssh
begun ssh
hosts kill h4
quickly
ended 0 "over ssh, a host is killed"
says "3 ranks on h1 h2 h3; left out, .* answer: h4" "over ssh: on the three others"
same ssh "over ssh"
finish
