"""What the port does after a reset: boot.py, main.py, then the prompt. Arguments: flash, modules, clock."""

import sys

_flash = sys.argv[1]
sys.path[:] = [sys.argv[2]]

import bluetooth
import esp32
import machine
import network
import os
import time
import vfs
import world

world.now_us = int(sys.argv[3])
assert None not in (bluetooth, esp32, machine, network, time)  # loaded while their directory can still be reached
vfs.umount("/")
vfs.mount(vfs.VfsPosix(_flash), "/")
sys.path[:] = ["", "/lib"]
for _name in ("boot.py", "main.py"):
    try:
        os.stat("/" + _name)
    except OSError:
        continue
    try:
        exec(compile(open("/" + _name).read(), _name, "exec"))
    except Exception as _error:  # the port prints it and goes on to the prompt
        sys.print_exception(_error)
world.ask("prompt")
