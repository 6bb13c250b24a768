"""What an extension's machine code may not contain; `objdump` reads it."""

import re
import subprocess
from pathlib import Path

Functions = dict[str, list[str]]

INEXACT = re.compile(
    r"\b(vfn?m(add|sub)\w*|v?rsqrt\w*|v?rcp\w*|fn?m(add|sub|la|ls)\w*|fr(sqrt|ecp)\w*)\b"
)
LEVELS_OF = {"%zmm": ("x86_64_v4",), "%ymm": ("x86_64_v3", "x86_64_v4")}


def disassembly(extension: Path) -> Functions:
    """Give the instructions by function; a stripped extension has no names to tell levels by."""
    command = ["objdump", "-d", "-C", "--no-show-raw-insn", str(extension)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    functions: Functions = {}
    for line in text.split("\n"):
        head = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        if head:
            lines = functions.setdefault(head[1], [])
        elif functions:
            lines.append(line.split("\t", 1)[-1])
    return functions


def inexact(functions: Functions) -> set[str]:
    """Name the functions that round a product and a sum at once, or approximate a root or quotient."""
    return {name for name, lines in functions.items() if INEXACT.search("\n".join(lines))}


def beyond_their_level(functions: Functions) -> set[str]:
    """Name the functions that use registers which only a higher instruction set has."""
    return {
        name
        for name, lines in functions.items()
        for register, levels in LEVELS_OF.items()
        if register in "\n".join(lines) and not any(level in name for level in levels)
    }
