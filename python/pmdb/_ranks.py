"""Which rank this process has among those of its job."""
import os
import sys

# Those of `src/ranks.rs`: what a launcher says of the whole job comes before what it says of one node.
VARIABLES = (
    "RANK",
    "HOROVOD_RANK",
    "OMPI_COMM_WORLD_RANK",
    "PMIX_RANK",
    "PMI_RANK",
    "MV2_COMM_WORLD_RANK",
    "PALS_RANKID",
    "ALPS_APP_PE",
    "JSM_NAMESPACE_RANK",
    "FLUX_TASK_RANK",
    "SLURM_PROCID",
    "LOCAL_RANK",
    "HOROVOD_LOCAL_RANK",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "MV2_COMM_WORLD_LOCAL_RANK",
    "SLURM_LOCALID",
)


def rank():
    """None if nobody says one."""
    distributed = sys.modules.get("torch.distributed")
    try:
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank()
    except Exception:
        # It is being imported, or built without what it asks for.
        pass
    for name in VARIABLES:
        value = os.environ.get(name, "")
        if value.isascii() and value.isdigit():
            return int(value)
    return None


def is_meant(wanted):
    """Whether `rank=wanted` is about this process. One without a rank is the only one of its job, as far as it knows: rank 0."""
    return wanted is None or wanted == (rank() or 0)
