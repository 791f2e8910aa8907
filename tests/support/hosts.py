"""Several hosts on one machine: network, host name, System V and shared memory of their own, joined by a bridge.

Open MPI takes each for a machine of its own: ranks of two of them share no memory and talk by TCP. The bridge and
mpirun live in a namespace too, so the machine's own network is neither seen nor changed, and what was made is gone with
the last process in it. Needs root, iproute2 and a kernel with namespaces, veth and bridges.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

# Addresses for tests of networks (RFC 2544).
SUBNET = "198.18.0"
NAMESPACES = ("--net", "--uts", "--ipc", "--mount")
# Host names an address each, and mpirun starts its daemon there by entering the namespaces of that host's first process.
LAUNCH_AGENT = """#!/bin/sh
address=$1
shift
exec nsenter --target "$(cat "{folder}/$address")" {namespaces} --wd="$PWD" -- sh -c "$*"
"""


class Unavailable(Exception):
    """No hosts can be made here, and why."""


class Hosts:
    """`count` hosts, until close(). `folder` takes the launch agent and the process ids."""

    def __init__(self, folder, count):
        if os.geteuid() != 0:
            raise Unavailable("hosts need root")
        for tool in ("ip", "nsenter", "unshare"):
            if shutil.which(tool) is None:
                raise Unavailable(f"hosts need {tool} (Debian: iproute2, util-linux)")
        self.folder = Path(folder)
        self.processes = []
        self.addresses = [f"{SUBNET}.{i + 1}" for i in range(count)]
        try:
            self._join(count)
        except BaseException:
            self.close()
            raise

    def _join(self, count):
        switch = self._namespace("switch")
        self._ip(switch, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        self._ip(switch, "addr", "add", f"{SUBNET}.254/24", "dev", "bridge")
        for name in ("lo", "bridge"):
            self._ip(switch, "link", "set", name, "up")
        for i in range(count):
            host = self._namespace(f"host{i}")
            self._ip(switch, "link", "add", f"port{i}", "type", "veth", "peer", "name", "eth0", "netns", host.pid)
            self._ip(switch, "link", "set", f"port{i}", "master", "bridge", "up")
            self._ip(host, "addr", "add", f"{self.addresses[i]}/24", "dev", "eth0")
            for name in ("lo", "eth0"):
                self._ip(host, "link", "set", name, "up")
            (self.folder / self.addresses[i]).write_text(str(host.pid))
        self.agent = self.folder / "launch_agent"
        self.agent.write_text(LAUNCH_AGENT.format(folder=self.folder, namespaces=" ".join(NAMESPACES)))
        self.agent.chmod(0o755)

    def _namespace(self, name):
        """A process in namespaces of its own, with an empty /dev/shm; they last as long as it does."""
        first = f"hostname {name} && mount -t tmpfs -o mode=1777 tmpfs /dev/shm && echo ready && exec sleep infinity"
        process = subprocess.Popen(["unshare", *NAMESPACES, "--propagation", "private", "sh", "-c", first],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        if process.stdout.readline() != "ready\n":
            raise Unavailable(f"no namespaces here: {process.communicate()[1].strip()}")
        return process

    def _ip(self, of, *arguments):
        done = subprocess.run(["nsenter", "--target", str(of.pid), "--net", "ip", *map(str, arguments)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unavailable(f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def mpirun(self, mpiexec, ranks_of_hosts, *options):
        """The command, to be followed by the program: so many ranks on host 0, on host 1 and so on."""
        slots = ",".join(f"{address}:{ranks}"
                         for address, ranks in zip(self.addresses, ranks_of_hosts, strict=False))
        inside = ["nsenter", "--target", str(self.processes[0].pid), *NAMESPACES, f"--wd={self.folder}", "--"]
        parameters = {"plm": "rsh", "plm_rsh_agent": self.agent, "plm_rsh_no_tree_spawn": 1, "ras": "^slurm",
                      "oob_tcp_if_include": f"{SUBNET}.0/24", "btl_tcp_if_include": f"{SUBNET}.0/24", "pml": "ob1",
                      "btl": "tcp,vader,self", "mpi_yield_when_idle": 1}
        return [*inside, mpiexec, "-np", sum(ranks_of_hosts), "--host", slots, "--bind-to", "none", *options,
                *(word for name, value in parameters.items() for word in ("--mca", name, value))]

    def keep_apart(self, folder):
        """Each host has a folder of that name for itself from now on, as on a disk of its own."""
        folder.mkdir()
        for host in self.processes[1:]:
            subprocess.run(["nsenter", "--target", str(host.pid), "--mount", "mount", "-t", "tmpfs", "tmpfs", folder],
                           check=True)

    def read_text(self, host, path):
        """What the file holds on that host."""
        return subprocess.run(["nsenter", "--target", str(self.processes[1 + host].pid), "--mount", "cat", path],
                              capture_output=True, text=True, check=True).stdout

    def sent_bytes(self):
        """What each host's link has carried out of it so far."""
        return [json.loads(self._ip(host, "-json", "-statistics", "link", "show", "dev", "eth0"))[0]
                ["stats64"]["tx"]["bytes"] for host in self.processes[1:]]

    def close(self):
        for process in self.processes:
            process.kill()
            process.communicate()
        self.processes = []
