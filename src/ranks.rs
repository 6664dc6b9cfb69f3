//! Where the rank of a process stands that a launcher has started. Of interest inside of the process as well as from outside, and so on
//! no floor.

/// Environment variables that hold a rank, the most telling first: what a launcher says of the whole job comes before
/// what it says of one node.
pub const RANK_VARIABLES: &[&str] = &[
    // torchrun and torch.distributed, DeepSpeed, Accelerate.
    "RANK",
    "HOROVOD_RANK",
    // mpirun of Open MPI.
    "OMPI_COMM_WORLD_RANK",
    // PMIx: Open MPI 5, PRRTE.
    "PMIX_RANK",
    // MPICH, Intel MPI, Hydra.
    "PMI_RANK",
    "MV2_COMM_WORLD_RANK",
    // Cray and HPE.
    "PALS_RANKID",
    "ALPS_APP_PE",
    // IBM's jsrun; Flux.
    "JSM_NAMESPACE_RANK",
    "FLUX_TASK_RANK",
    // srun. Behind those of MPI: a job that srun starts may itself run mpirun.
    "SLURM_PROCID",
    "LOCAL_RANK",
    "HOROVOD_LOCAL_RANK",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "MV2_COMM_WORLD_LOCAL_RANK",
    "SLURM_LOCALID",
];
