"""What is frozen: how the board starts, the port's own rp2 module, and the very .mpy files that an upload would send.

$(MODULES) is filled by the host together with a manifest of its own, which lists its files in order: without it their
order would be the disk's, and the same sources would not give the same image.
"""

freeze("modules", "_boot.py", opt=3)
freeze("$(PORT_DIR)/modules", "rp2.py", opt=3)
include("$(MODULES)/manifest.py")
