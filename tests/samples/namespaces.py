"""Several hosts on this machine: network namespaces, joined by a switch. Needs root and iproute2."""

import ctypes
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x20000
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
PREFIX = "uvreactor-"


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def missing(*tools):
    """The reason why there can be no namespaces here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", *tools):
        if not shutil.which(tool):
            return f"there is no {tool}"
    probe = f"{PREFIX}{os.getpid()}-probe"
    try:
        ip("netns", "add", probe)
        ip("-n", probe, "link", "add", "left", "type", "veth", "peer", "name", "right")
        ip("-n", probe, "link", "add", "both", "type", "bridge")
    except subprocess.CalledProcessError as problem:
        return f"no network namespaces here: {problem.stderr.strip()}"
    finally:
        subprocess.run(["ip", "netns", "del", probe], check=False, capture_output=True)
    return None


def remove_stale():
    """Removes the namespaces of a run that was killed."""
    for name in re.findall(rf"^({PREFIX}(\d+)-\w+)", ip("netns", "list"), re.MULTILINE):
        if not Path(f"/proc/{name[1]}").exists():
            subprocess.run(["ip", "netns", "del", name[0]], check=False, capture_output=True)


def set_namespace(file):
    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def enter(path):
    """Moves this thread into a network namespace."""
    with open(path) as namespace:
        set_namespace(namespace)


def check(status, what):
    if status != 0:
        raise OSError(ctypes.get_errno(), what)


def use_hosts_file(path):
    """Gives this process another /etc/hosts, in a mount namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.unshare(CLONE_NEWNS), "unshare")
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
    check(libc.mount(os.fsencode(path), b"/etc/hosts", None, MS_BIND, None), "mount /etc/hosts")


class Names:
    """For the programs that are started with its `process`: names with the addresses given.

        names = Names({"two.test": ["::1", "127.0.0.1"]})
        Server("tcp_echo_server", "--listen", "two.test:0", **names.process)
    """

    def __init__(self, addresses):
        self._file = tempfile.NamedTemporaryFile("w", prefix="hosts-")
        for name, hosts in addresses.items():
            self._file.writelines(f"{host} {name}\n" for host in hosts)
        self._file.flush()
        self.process = {"preexec_fn": lambda: use_hosts_file(self._file.name)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    @staticmethod
    def missing():
        """The reason why there can be no names here, or None."""
        if os.geteuid() != 0:
            return "another /etc/hosts needs root"
        with Names({"two.test": ["::1", "127.0.0.1"]}) as names:
            try:
                told = subprocess.run(["getent", "ahosts", "two.test"], check=False, text=True,
                                      capture_output=True, **names.process).stdout
            except (OSError, subprocess.SubprocessError) as problem:
                return f"no other /etc/hosts here: {problem}"
        both = "::1 " in told and "127.0.0.1 " in told
        return None if both else "a name of /etc/hosts has no two addresses here"


class Host:
    """A namespace, at first with only a loopback interface."""

    def __init__(self, name):
        self.name = f"{PREFIX}{os.getpid()}-{name}"
        ip("netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command, **options):
        """Runs a program in the namespace until it ends."""
        options = {"check": True, "capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run(["ip", "netns", "exec", self.name, *map(str, command)], **options)

    def process_options(self):
        """For subprocess.Popen: the program starts in the namespace."""
        return {"preexec_fn": lambda: enter(f"/run/netns/{self.name}")}

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0):
        """A socket of this host, for a test outside of the namespace."""
        with open("/proc/thread-self/ns/net") as home:
            enter(f"/run/netns/{self.name}")
            try:
                return socket.socket(family, kind, protocol)
            finally:
                set_namespace(home)

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


class Network(unittest.TestCase):
    """A test with hosts that are removed when it ends, however it ends."""

    tools = ()

    @classmethod
    def setUpClass(cls):
        reason = missing(*cls.tools)
        if reason:
            raise unittest.SkipTest(reason)
        remove_stale()

    def needs(self, host, *command):
        """Runs a command that may need a missing kernel module. Skips the test if it fails."""
        done = host.run(*command, check=False)
        if done.returncode != 0:
            self.skipTest(f"{' '.join(command)}: {done.stderr.strip()}")

    def host(self, name):
        host = Host(name)
        self.addCleanup(host.remove)
        return host

    def switched(self, count):
        """`count` hosts on one Ethernet: 10.9.8.1/24 and so on, on `net0` of each."""
        switch = self.host("switch")
        switch.run("ip", "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
        switch.run("ip", "link", "set", "bridge", "up")
        hosts = []
        for number in range(1, count + 1):
            host = self.host(f"host{number}")
            hosts.append(host)
            switch.run("ip", "link", "add", f"port{number}", "type", "veth",
                       "peer", "name", "net0", "netns", host.name)
            switch.run("ip", "link", "set", f"port{number}", "master", "bridge", "up")
            # Otherwise IPv6 checks for a second or two whether another host has the address.
            host.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/net0/accept_dad", check=False)
            host.run("ip", "address", "add", f"10.9.8.{number}/24", "broadcast", "10.9.8.255",
                     "dev", "net0")
            host.run("ip", "link", "set", "net0", "up")
            host.run("ip", "route", "add", "default", "dev", "net0")
        return hosts
