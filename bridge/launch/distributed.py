"""Distributed jobs of Azure ML, which ask for several processes. Runbridge runs each job as one process."""

from __future__ import annotations

import socket

from bridge.environments.substitutes import is_strict
from bridge.errors import InvalidValue


class DistributedJob:
    """A job that asks for several processes. It runs as one process, and the run gets a warning.

    Attributes:
        node_count: the number of computers that the job asks for.
        process_count: the number of processes that the job asks for, on all computers together.
    """

    node_count = 1
    process_count = 1

    def variables(self) -> dict[str, str]:
        """Return the environment variables of the process."""
        return {}


class MpiConfiguration(DistributedJob):
    """A job that Azure ML starts with mpirun.

    Source: Azure ML SDK v1, `azureml.core.runconfig.MpiConfiguration`.
    """

    def __init__(self, process_count_per_node: int = 1, node_count: int = 1) -> None:
        self.process_count_per_node, self.node_count = process_count_per_node, node_count
        self.process_count = process_count_per_node * node_count


class PyTorchConfiguration(DistributedJob):
    """A job of `torch.distributed`. The process gets rank 0 and a world size of 1.

    Source: Azure ML SDK v1, `azureml.core.runconfig.PyTorchConfiguration`.
    """

    def __init__(
        self, communication_backend: str = "Nccl", process_count: int | None = None, node_count: int = 1
    ) -> None:
        self.communication_backend, self.node_count = communication_backend, node_count
        self.process_count = process_count or node_count

    def variables(self) -> dict[str, str]:
        """Return the environment variables from which `torch.distributed` reads rank, world size and address."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        ranks = {"RANK": "0", "LOCAL_RANK": "0", "NODE_RANK": "0", "WORLD_SIZE": "1"}
        return {**ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


class TensorflowConfiguration(DistributedJob):
    """A job of workers and parameter servers. The process is a worker.

    Source: Azure ML SDK v1, `azureml.core.runconfig.TensorflowConfiguration`.
    """

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        self.worker_count, self.parameter_server_count = worker_count, parameter_server_count
        self.process_count = worker_count


def check_job(job: object) -> DistributedJob | None:
    """Check a distributed job, and return it.

    Raises:
        InvalidValue: the value is not a job, or the job asks for several processes and the environment variable
            `BRIDGE_STRICT` is 1.
    """
    if job is None or (isinstance(job, DistributedJob) and not (is_strict() and job.process_count > 1)):
        return job
    reason = "Runbridge starts one process for each script"
    rule = f"is not supported, because {reason}: start torchrun or mpirun with command= instead"
    raise InvalidValue("distributed_job_config", job, rule)


def job_warnings(job: DistributedJob | None) -> tuple[str, ...]:
    """Return the warning of a run whose job asks for several processes."""
    if job is None or job.process_count <= 1:
        return ()
    asked = f"{type(job).__name__} asks for {job.process_count} processes"
    return (f"The script ran as one process, although {asked}: start torchrun or mpirun with command= for more.",)
