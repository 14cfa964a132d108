#!/usr/bin/env python3
"""nginx as one process, without logs: a body from its configuration at /, files by sendfile below
/files/."""

import argparse
import contextlib
import os
import select
import shutil
import socket
import tempfile
from pathlib import Path

CONFIGURATION = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type text/plain;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 3600;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {address} backlog=4096;
    location = / {{ return 200 "Hello, world!\\n"; }}
    location /files/ {{ root {folder}; }}
  }}
}}
"""


def free_port(host):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def look_after(folder, host, port):
    """A process beside nginx: reports when nginx listens, and removes its folder after its end."""
    ended, alive = os.pipe()
    os.set_inheritable(alive, True)
    if os.fork():
        return
    os.close(alive)
    while not select.select([ended], [], [], 0.01)[0]:
        with contextlib.suppress(OSError), socket.create_connection((host, port)):
            print(f"listening on {host}:{port}", flush=True)
            break
    os.close(1)
    os.read(ended, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--file-bytes", type=int, default=0, help="of /files/one")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    port = int(port) or free_port(host)
    folder = tempfile.mkdtemp(prefix="uvreactor-nginx-")
    look_after(folder, host, port)
    files = Path(folder) / "files"
    files.mkdir()
    (files / "one").write_bytes(bytes(arguments.file_bytes))
    configuration = Path(folder) / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, address=f"{host}:{port}"))
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    os.execv(nginx, ["nginx", "-p", folder, "-c", str(configuration)])


if __name__ == "__main__":
    main()
