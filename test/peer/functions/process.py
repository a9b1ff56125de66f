"""The process itself: its versions, threads and memory."""

import platform
import resource

import torch


def versions():
    """What runs here, and where its libtorch is (`LATENT_LIBTORCH`)."""
    return {"python": platform.python_version(), "torch": torch.__version__, "libtorch": torch.__path__[0]}


def set_threads(count):
    torch.set_num_threads(count)
    return {"count": torch.get_num_threads()}


def memory():
    """Peak resident memory in bytes, of this process alone where the system tells (`ru_maxrss` starts at the parent's),
    and the page faults so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    try:
        with open("/proc/self/status") as status:
            peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except FileNotFoundError:
        peak = usage.ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
    return {"peak_rss": peak, "page_faults": usage.ru_minflt}
