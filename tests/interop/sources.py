"""Tells where cargo keeps the sources of crates, from what `cargo metadata` says."""

import json
import sys
from pathlib import Path

for package in json.load(sys.stdin)["packages"]:
    if package["name"] in sys.argv[1:]:
        print(Path(package["manifest_path"]).parent)
