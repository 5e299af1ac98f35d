"""One side of torch_compare.py: does a system's work once a line of standard
input and answers with seconds, seconds of CPU, peak resident bytes.

    torch_worker.py SYSTEM forward|gradients|step SIZE BATCH
    torch_worker.py SYSTEM ddp SIZE BATCH      one rank of RANK, WORLD_SIZE
"""
import sys
import time

import torch

from torch_networks import Unet, Unet3Plus
from torch_steps import SYSTEMS, count


def resident(key):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return 0


def check_published():
    """Counts of the public implementations: that the same work is compared."""
    for found, wanted in ((count(Unet(256)), 54755587),
                          (count(Unet3Plus(inputs=3, outputs=1)), 26971777)):
        if found != wanted:
            sys.exit(f"a network has {found} parameters, published {wanted}")


def distribute(system):
    """Gradients of all ranks are averaged as they appear."""
    torch.distributed.init_process_group("gloo")
    if torch.distributed.get_world_size() > 1:
        system.generator = torch.nn.parallel.DistributedDataParallel(
            system.generator)


def main():
    name, work, size, batch = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5])
    torch.set_num_threads(1)
    before = resident("VmRSS:")
    system = SYSTEMS[name](size, batch, adam=work != "gradients")
    if work == "ddp":
        distribute(system)
    run = system.forward if work == "forward" else system.step
    counts = " ".join(f"{k} {v}" for k, v in system.counts().items())
    print(f"ready {counts} before {before} torch {torch.__version__}",
          flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        run()
        print(f"{time.perf_counter() - start:.6f} "
              f"{time.process_time() - cpu:.6f} {resident('VmHWM:')}",
              flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1] == "check":
        check_published()
    else:
        main()
