"""A file of 1 MiB over HTTP, beside nginx with sendfile: what does it cost the server?"""

from harness.servers import OURS, Server

MEASURE = "load"
LIMIT = "nginx"
FILE = ("--file-bytes", str(1 << 20))
NGINX = Server("peers/nginx_http.py", FILE, package="nginx-light", interpreter="python3", runs="nginx")
SERVERS = {LIMIT: NGINX, "nginx again": NGINX, OURS: Server("http_server", FILE)}
CELLS = {
    "1 connection": {"protocol": "http", "path": "/files/one", "connections": 1},
    "10 connections": {"protocol": "http", "path": "/files/one", "connections": 10},
}
TARGETS = {OURS: {cell: {"ratio": 1.00} for cell in CELLS}}
