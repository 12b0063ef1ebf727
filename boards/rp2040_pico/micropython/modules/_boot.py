"""First Python to run after any reset of a production image: opens the output gates, before the filesystem is mounted.

The pins are those of firmware/boot.py, which comes next and does the same; a test holds both against every board. From
here on nothing is imported from the filesystem: what lies there can neither replace a frozen module nor a built-in one.
"""

from machine import Pin

Pin(18, Pin.OUT, value=0)
Pin(17, Pin.OUT, value=0)

import sys

sys.path[:] = (".frozen",)

import rp2
import vfs

_flash = rp2.Flash()
try:
    _files = vfs.VfsLfs2(_flash, progsize=256)  # a page: the least that the flash writes
except OSError:  # never formatted, or past repair: an empty one
    vfs.VfsLfs2.mkfs(_flash, progsize=256)
    _files = vfs.VfsLfs2(_flash, progsize=256)
vfs.mount(_files, "/")
