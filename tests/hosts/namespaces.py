"""Hosts on one machine: network namespaces on one virtual switch, each with an address and a host name of its own. Links can be cut and made slow.

Needs root and a kernel with namespaces, veth and bridges; a slow link also tbf (a rate) or netem (a delay). Whatever is missing is a CalledProcessError
or FileNotFoundError, which problem_text() puts into a line.
"""
import itertools
import os
import pathlib
import subprocess
import tempfile

NUMBERS = itertools.count()
SUBNET = "10.77.0"
# Does what ssh would: a command on another host, by its name or address. CANDOR_HOSTS is the folder with the map; where CANDOR_HOSTS_CHECK is set, it
# first looks whether the other host can be reached, as ssh would have to (a port where nobody listens refuses at once). A file prepare.HOST there is run
# before the command, in a mount namespace of its own (which `ip netns exec` makes).
ENTER = """
  hostname "$1"
  if [ -e "$CANDOR_HOSTS/prepare.$1" ]; then . "$CANDOR_HOSTS/prepare.$1" || exit 255; fi
  shift
"""
AGENT = """#!/bin/sh
wanted=$1
shift
found=$(awk -v host="$wanted" '$1 == host || $2 == host' "$CANDOR_HOSTS/map")
if [ -z "$found" ]; then echo "ssh: Could not resolve hostname $wanted" >&2; exit 255; fi
set -- $found "$@"
name=$1 address=$2 namespace=$3
shift 3
if [ -n "$CANDOR_HOSTS_CHECK" ]; then
  reached=$(timeout 4 bash -c ": < /dev/tcp/$address/9" 2>&1)
  case "$reached" in *refused*) ;; *) echo "ssh: connect to host $wanted port 22: No route to host" >&2; exit 255 ;; esac
fi
exec ip netns exec "$namespace" unshare -u sh -c '""" + ENTER + """exec sh -c "$*"' sh "$name" "$@"
"""


def ip(*words, check=True):
    return subprocess.run(words, capture_output=True, text=True, check=check)


def problem_text(error):
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} isn't there"
    lines = error.stderr.strip().splitlines()
    return f"{' '.join(error.cmd[:3])} ...: {lines[-1] if lines else error.returncode}"


def what_is_missing(with_rate=False):
    """What keeps this machine from playing several hosts; "" for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            hosts = Hosts(pathlib.Path(folder), ["node1", "node2"])
            try:
                if with_rate:
                    hosts.limit(1, 20)
            finally:
                hosts.remove()
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            needed = "namespaces, veth, bridges and tbf" if with_rate else "namespaces, veth and bridges"
            return f"this machine can't play several hosts ({'root' if os.getuid() else needed} needed): {problem_text(error)}"
    return ""


class Hosts:
    """names: of the hosts; the first is where jobs are started. folder: for the agent and its map."""

    def __init__(self, folder, names):
        prefix = f"cf{os.getpid()}_{next(NUMBERS)}"
        self.folder, self.names, self.switch = folder, list(names), prefix + "s"
        self.namespaces = [f"{prefix}_{number}" for number in range(len(names))]
        self.agent = folder / "agent.sh"
        self.agent.write_text(AGENT)
        self.agent.chmod(0o755)
        (folder / "map").write_text("".join(f"{name} {self.address(number)} {self.namespaces[number]}\n" for number, name in enumerate(names)))
        try:
            self.make()
        except BaseException:
            self.remove()
            raise

    def make(self):
        ip("ip", "netns", "add", self.switch)
        ip("ip", "-n", self.switch, "link", "add", "switch", "type", "bridge")
        ip("ip", "-n", self.switch, "link", "set", "switch", "up")
        for number, namespace in enumerate(self.namespaces):
            port = f"port{number}"
            ip("ip", "netns", "add", namespace)
            ip("ip", "-n", namespace, "link", "add", "cable", "type", "veth", "peer", "name", port, "netns", self.switch)
            ip("ip", "-n", self.switch, "link", "set", port, "master", "switch", "up")
            ip("ip", "-n", namespace, "addr", "add", f"{self.address(number)}/24", "dev", "cable")
            for device in ("lo", "cable"):
                ip("ip", "-n", namespace, "link", "set", device, "up")

    def address(self, number):
        return f"{SUBNET}.{number + 1}"

    def cut(self, number, is_cut=True):
        ip("ip", "-n", self.namespaces[number], "link", "set", "cable", "down" if is_cut else "up")

    def delay(self, number):
        ip("tc", "-n", self.namespaces[number], "qdisc", "add", "dev", "cable", "root", "netem", "delay", "20ms", "10ms", "loss", "1%")

    def limit(self, number, mbit):
        """In both directions: what the host sends, and what its port of the switch sends to it."""
        for place, device in ((self.namespaces[number], "cable"), (self.switch, f"port{number}")):
            ip("tc", "-n", place, "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{mbit}mbit", "burst", "32kb", "latency", "100ms")

    def on_first(self, command):
        """The command as it would be given on the first host."""
        return ["ip", "netns", "exec", self.namespaces[0], "unshare", "-u", "sh", "-c", ENTER + 'exec "$@"', "sh", self.names[0], *command]

    def environment(self):
        subnet = f"{SUBNET}.0/24"
        return {"CANDOR_HOSTS": str(self.folder), "OMPI_MCA_plm_rsh_agent": str(self.agent), "PRTE_MCA_plm_ssh_agent": str(self.agent),
                "OMPI_MCA_btl": "tcp,self", "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl_tcp_if_include": subnet, "OMPI_MCA_oob_tcp_if_include": subnet,
                "PRTE_MCA_prte_if_include": subnet}

    def remove(self):
        for place in [*self.namespaces, self.switch]:
            ip("ip", "netns", "del", place, check=False)
