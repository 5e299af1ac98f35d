"""Harmonia beside PyTorch: the same work in one run, in turn, on one core.

    torch_compare.py BENCH [--repeat N] [--only TEXT] [--csv FILE]

BENCH is build/tests/bench/bench. Each side is one process a case, which is
told by a pipe when to work; so neither sees the other's memory, and both see
the same state of the machine. Ratios above 1: Harmonia is faster, or smaller."""
import argparse
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# system, work, pixels, batch
CASES = [("unet", "forward", 256, 1), ("unet", "gradients", 256, 1),
         ("unet", "step", 256, 1), ("unet", "gradients", 256, 4),
         ("unet", "step", 256, 4), ("dovenet", "step", 256, 1),
         ("bargainnet", "step", 256, 1), ("style-hsv", "step", 256, 1),
         ("unet3plus", "step", 128, 1)]
WARM_UP = 1


class Side:
    def __init__(self, command):
        environment = dict(os.environ, OMP_NUM_THREADS="1",
                           PYTHONDONTWRITEBYTECODE="1")
        environment.pop("OPENBLAS_CORETYPE", None)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True,
                                        env=environment)
        words = self.read().split()
        if words[:1] != ["ready"]:
            sys.exit(f"{command[0]}: {' '.join(words) or 'did not start'}")
        self.facts = dict(zip(words[1::2], words[2::2]))
        self.wall, self.cpu, self.peak = [], [], 0

    def read(self):
        return self.process.stdout.readline()

    def run(self, keep):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        words = self.read().split()
        if len(words) != 3:
            sys.exit(f"{self.process.args[0]} stopped")
        if keep:
            self.wall.append(float(words[0]))
            self.cpu.append(float(words[1]))
        self.peak = int(words[2])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(bench, case, repeat):
    system, work, size, batch = case
    ours = Side([bench, "--serve", work, "--model", system, "--size", str(size),
                 "--batch", str(batch)])
    torch = Side([sys.executable, os.path.join(HERE, "torch_worker.py"), system,
                  work, str(size), str(batch)])
    for network in ("G", "D", "E"):
        if work != "forward" and ours.facts[network] != torch.facts[network]:
            sys.exit(f"{system}: {network} has {ours.facts[network]} parameters "
                     f"here, {torch.facts[network]} in PyTorch")
    for i in range(WARM_UP + repeat):
        ours.run(i >= WARM_UP)
        torch.run(i >= WARM_UP)
    ours.end()
    torch.end()
    return ours, torch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--only", default="", help="of 'system work size batch'")
    parser.add_argument("--csv")
    options = parser.parse_args()
    subprocess.run([sys.executable, os.path.join(HERE, "torch_worker.py"),
                    "check"], check=True,
                   env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    csv = open(options.csv, "w") if options.csv else None
    if csv:
        csv.write("system,work,size,batch,seconds,torch_seconds,speed,"
                  "cpu_seconds,torch_cpu_seconds,cpu_speed,peak_mib,"
                  "torch_peak_mib,torch_before_mib,memory\n")
    print(f"{'work':<32} {'ours s':>8} {'torch s':>8} {'speed':>6} "
          f"{'by CPU':>6} {'ours MiB':>9} {'torch MiB':>9} {'less its':>8} "
          f"{'memory':>6}")
    known = None
    for case in CASES:
        name = "{} {} {} {}".format(*case)
        if options.only not in name:
            continue
        ours, torch = compare(options.bench, case, options.repeat)
        times = [statistics.median(t) for t in
                 (ours.wall, torch.wall, ours.cpu, torch.cpu)]
        before = int(torch.facts["before"])
        peaks = [p / 2**20 for p in (ours.peak, torch.peak, torch.peak - before)]
        print(f"{name:<32} {times[0]:8.3f} {times[1]:8.3f} "
              f"{times[1] / times[0]:6.2f} {times[3] / times[2]:6.2f} "
              f"{peaks[0]:9.0f} {peaks[1]:9.0f} {peaks[2]:8.0f} "
              f"{peaks[1] / peaks[0]:6.2f}", flush=True)
        if csv:
            row = [*case, times[0], times[1], times[1] / times[0], times[2],
                   times[3], times[3] / times[2], peaks[0], peaks[1],
                   before / 2**20, peaks[1] / peaks[0]]
            csv.write(",".join(str(v) for v in row) + "\n")
            csv.flush()
        known = ours.facts["core"], torch.facts["torch"]
    if known:
        print(f"medians of {options.repeat}, one thread each; OpenBLAS core "
              f"{known[0]}, PyTorch {known[1]}. 'by CPU' compares seconds of "
              "CPU, 'less its': what PyTorch takes before there is a network.")


if __name__ == "__main__":
    main()
