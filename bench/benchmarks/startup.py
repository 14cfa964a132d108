"""From exec to listening: how long does a server take, how much CPU, how much memory?"""

from harness.servers import ALL

MEASURE = "start-up"
SERVERS = ALL
CASES = {"until it listens": {}}
