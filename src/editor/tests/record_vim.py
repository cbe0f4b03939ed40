#!/usr/bin/env python3
"""Records what Vim itself makes of keys, for vim.tsv.

Reads lines of text and keys, with a tab between them, and writes them with what Vim makes of them behind another one:

    grep -v '^#' new-cases | python3 record_vim.py >> vim.tsv

`|` is before the character that the caret is on, `¶` a line feed, `→` a tab, and a backslash is written twice.
"""

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

NAMES = {
    "Enter": r"\<CR>", "Esc": r"\<Esc>", "Backspace": r"\<BS>", "Delete": r"\<Del>", "Tab": r"\<Tab>", "lt": "<",
    "Up": r"\<Up>", "Down": r"\<Down>", "Left": r"\<Left>", "Right": r"\<Right>", "Home": r"\<Home>", "End": r"\<End>",
}  # fmt: skip
OPTIONS = "set sw=4 et ai ic scs nomore nrformats=bin,hex\n"


def plain(text):
    return text.replace("¶", "\n").replace("→", "\t").replace("\\\\", "\\")


def vim_keys(keys):
    def one(match):
        name, char = match.group(1), match.group(0)
        if name is None:
            return {"\\": "\\\\", '"': '\\"'}.get(char, char)
        return "\\<C-%s>" % name[5:] if name.startswith("Ctrl-") else NAMES[name]

    return re.sub(r"<([A-Za-z-]+[^>]?)>|.", one, keys, flags=re.S)


def recorded(case):
    before, keys = case.rstrip("\n").split("\t")[:2]
    text = plain(before)
    at = text.index("|")
    text = text[:at] + text[at + 1 :]
    line, column = text[:at].count("\n") + 1, len(text[:at].split("\n")[-1].encode()) + 1
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/in", "w") as file:
            file.write(text + "\n")
        with open(folder + "/script", "w") as file:
            file.write(OPTIONS)
            file.write("call cursor(%d,%d)\n" % (line, column))
            file.write('call feedkeys("%s","tx")\n' % vim_keys(plain(keys)))
            file.write('call writefile([json_encode([getline(1,"$"),line("."),col(".")])],"%s/out")\nqa!\n' % folder)
        vim = ["vim", "-u", "NONE", "-i", "NONE", "-n", "-N", "-X", "--not-a-term", "-es", "-S", folder + "/script"]
        subprocess.run([*vim, folder + "/in"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
        with open(folder + "/out") as file:
            lines, line, column = json.load(file)
    marked = lines[line - 1].encode()
    lines[line - 1] = (marked[: column - 1] + b"|" + marked[column - 1 :]).decode()
    after = "\n".join(lines).replace("\\", "\\\\").replace("\n", "¶").replace("\t", "→")
    return f"{before}\t{keys}\t{after}"


with ThreadPoolExecutor(2) as pool:
    for row in pool.map(recorded, [case for case in sys.stdin if case.strip()]):
        print(row)
