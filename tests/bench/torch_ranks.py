"""Two ranks on two cores against one rank on one, beside PyTorch's DDP (gloo),
and what two cores that share a memory can do at all.

    torch_ranks.py HARMONIA [--rounds N] [--size P] [--batch B]

The batch is that of the whole step: two ranks compute half of it each. Without
PyTorch only Harmonia is measured."""
import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 6  # a run; the first two are not counted


def environment(**more):
    env = dict(os.environ, OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1",
               **more)
    env.pop("OPENBLAS_CORETYPE", None)
    return env


def start(program, folder, out, ranks, options, prefix):
    command = [program, "train", "--data", os.path.join(folder, "d.h5"),
               "--out", os.path.join(folder, out), "--threads", "1", "--batch",
               str(options.batch), "--micro-batch",
               str(max(1, options.batch // 2)), "--steps", str(STEPS),
               "--log-every", "1", "--report-samples", "0"]
    if ranks > 1:
        prefix = ["mpirun", "-n", str(ranks), "--bind-to", "core"]
    return subprocess.Popen(prefix + command, env=environment(),
                            stderr=subprocess.DEVNULL)


def finish(process, folder, out):
    if process.wait() != 0:
        sys.exit(f"{' '.join(process.args)}: exit status {process.returncode}")
    with open(os.path.join(folder, out, "log.csv")) as log:
        rows = list(csv.DictReader(log))
    waited = sum(float(r["data_s"]) for r in rows)
    total = sum(float(r["total_s"]) for r in rows)
    return [float(r["images_per_s"]) for r in rows[2:]], waited / total


def harmonia(program, folder, ranks, options, number):
    out = f"run-{ranks}-{number}"
    process = start(program, folder, out, ranks, options, [])
    return finish(process, folder, out)


def side_by_side(program, folder, options, number):
    """Two runs of one rank that have nothing to do with each other."""
    outs = [f"run-{core}-beside-{number}" for core in (0, 1)]
    both = [start(program, folder, out, 1, options, ["taskset", "-c", str(core)])
            for core, out in enumerate(outs)]
    rates = [finish(p, folder, out)[0] for p, out in zip(both, outs)]
    return [a + b for a, b in zip(*rates)]


def torch(ranks, options, port):
    workers = []
    for rank in range(ranks):
        env = environment(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port),
                          RANK=str(rank), WORLD_SIZE=str(ranks))
        workers.append(subprocess.Popen(
            [sys.executable, os.path.join(HERE, "torch_worker.py"), "unet",
             "ddp", str(options.size), str(options.batch // ranks)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env))
    for w in workers:
        w.stdout.readline()
    rates = []
    for i in range(STEPS):
        for w in workers:
            w.stdin.write("\n")
            w.stdin.flush()
        seconds = max(float(w.stdout.readline().split()[0]) for w in workers)
        if i >= 2:
            rates.append(options.batch / seconds)
    for w in workers:
        w.stdin.close()
        w.wait()
    return rates


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("harmonia")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    try:
        import torch as found
        has_torch = found.distributed.is_available()
    except ImportError:
        has_torch = False
    rates = {key: [] for key in (("ours", 1), ("ours", 2), ("torch", 1),
                                 ("torch", 2))}
    beside = []
    waits = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.harmonia, "synth", os.path.join(folder, "d.h5"),
                        "--size", str(options.size), "--train", "64", "--test",
                        "4"], check=True, stderr=subprocess.DEVNULL)
        for number in range(options.rounds):
            for ranks in (1, 2):
                got, wait = harmonia(options.harmonia, folder, ranks, options,
                                     number)
                rates["ours", ranks] += got
                waits.append(wait)
                if ranks == 1:
                    beside += side_by_side(options.harmonia, folder, options,
                                           number)
                if has_torch:
                    rates["torch", ranks] += torch(ranks, options,
                                                   29400 + 2 * number + ranks)
    print(f"U-Net, {options.size} pixels, batch {options.batch} over all ranks, "
          "images/s (medians):")
    for side in ("ours", "torch"):
        if rates[side, 1]:
            one, two = (statistics.median(rates[side, r]) for r in (1, 2))
            print(f"{side:<6} 1 rank {one:7.3f}   2 ranks {two:7.3f}   ratio "
                  f"{two / one:.2f}")
    most = statistics.median(beside) / statistics.median(rates["ours", 1])
    print(f"the machine's limit: two runs of one rank beside each other, "
          f"{most:.2f} times one")
    print(f"harmonia train waited for data {100 * max(waits):.2f} % of the time "
          "at most")


if __name__ == "__main__":
    main()
