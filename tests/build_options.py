"""The options of a configured build folder."""

import json


def options(build):
    told = json.loads((build / "meson-info/intro-buildoptions.json").read_text())
    return {option["name"]: option["value"] for option in told}


def is_portable(build):
    """Whether the library is built for POSIX alone."""
    return options(build)["platform"] == "portable"
