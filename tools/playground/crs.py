"""Writes the Core Rule Set in the directory of the first argument, without comments, as JSON into the file of the second:
pairs of the virtual names that rules include, and texts. Nothing where there is none."""

import json
import pathlib
import sys

# It needs a GeoIP database and DNS, as in the module.
LEFT_OUT = {"REQUEST-910-IP-REPUTATION.conf"}


def main():
    crs, target = map(pathlib.Path, sys.argv[1:])
    setup = crs / "crs-setup.conf.example"
    if not setup.is_file():
        print(f"{crs} has no Core Rule Set: the playground is built without it")
        return
    files = [("@crs-setup-conf", setup)]
    rules = (path for path in (crs / "rules").iterdir() if path.name not in LEFT_OUT)
    files += sorted((f"@owasp_crs/{path.name}", path) for path in rules)
    pairs = [(name, without_comments(path.read_text(encoding="utf-8"))) for name, path in files]
    target.write_text(json.dumps(pairs, ensure_ascii=False), encoding="utf-8")


def without_comments(text):
    """Empties lines that are comments, except those inside a directive: a rule's line is its line in the file."""
    lines, continued = [], False
    for line in text.split("\n"):
        continues = line.rstrip().endswith("\\")
        lines.append("" if line.lstrip().startswith("#") and not continued and not continues else line)
        continued = continues
    return "\n".join(lines)


main()
