"""ReFrame's configuration for one machine without a batch system, where mpirun starts the ranks."""

import os

# Open MPI refuses to start as root, the usual user of containers, unless both of these are set.
AS_ROOT = [["OMPI_ALLOW_RUN_AS_ROOT", "1"], ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"]] if os.geteuid() == 0 else []

site_configuration = {
    "systems": [{
        "name": "machine",
        "descr": "this machine",
        "hostnames": [".*"],
        "partitions": [{"name": "cpu", "scheduler": "local", "launcher": "mpirun", "environs": ["builtin"], "max_jobs": 1,
                        "env_vars": AS_ROOT}],
    }],
}
