"""Work dealt out over the processes of `accelerate launch`, so that two do what one does, and sooner."""

from collections.abc import Callable

from accelerate.utils import gather_object

from pipelines import device


def dealt_out(work: Callable[[list], list], items: list) -> list:
    """work(items), one result for each: every process works on its share, and all of them get all results in order."""
    state = device.processes()
    rank, world = state.process_index, state.num_processes
    shares = gather_object([work(items[rank::world])])
    results = [None] * len(items)
    for k, share in enumerate(shares):
        results[k::world] = share
    return results
