"""The attacks of bench/attacks.py, by program."""

from . import chat, commands, datagrams, files, http, streams


def all_cases():
    return [case for module in (streams, chat, http, commands, files, datagrams)
            for case in module.CASES]
