"""A file of 1 MiB over HTTP, beside nginx with sendfile: what does it cost the server?"""

from harness.servers import OURS, Server

MEASURE = "load"
BASELINE = "nginx"
FILE = ("--file-bytes", str(1 << 20))
NGINX = Server("peers/nginx_http.py", FILE, package="nginx-light", interpreter="python3", runs="nginx")
SERVERS = {BASELINE: NGINX, "nginx again": NGINX, OURS: Server("http_server", FILE)}
CASES = {
    "1 connection": {"protocol": "http", "path": "/files/one", "connections": 1},
    "10 connections": {"protocol": "http", "path": "/files/one", "connections": 10},
}
TARGETS = {OURS: {case: {"ratio": 1.00} for case in CASES}}
