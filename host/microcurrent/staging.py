"""How new files take the place of old ones on a board: they wait until all are there, then one rename decides.

An upload goes to /next, beside the firmware, which stays whole and starts as ever. Once every hash is right, a small
program is renamed to /main.py: littlefs does that at once or not at all. It moves the files to their places and the new
main.py last, over itself; wherever power fails in between, the next boot goes on with it. So a board always has the old
firmware, the new one, or a program that ends the change and imports nothing of either.
"""

from collections.abc import Sequence

FOLDER = "/next"
HIGHEST = "/highest"  # firmware/hw/image.py: number of the newest firmware that ran on the board
_MARK = "# microcurrent-switch"

_MOVE = """{mark}
import os
def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass
def move(folder):
    for row in list(os.ilistdir('{next}' + folder)):
        path = folder + '/' + row[0]
        if row[1] & 0x4000:
            try:
                os.mkdir(path)
            except OSError:
                pass
            move(path)
            os.rmdir('{next}' + path)
        elif path != '/main.py':
            os.rename('{next}' + path, path)
for path in {gone!r}:
    remove(path)
move('')
os.rename('{next}/main.py', '/main.py')
os.rmdir('{next}')
os.sync()
if not globals().get('by_host'):
    import machine
    machine.reset()
"""

_BEGIN = """
import os
with open('/switch', 'w') as f:
    f.write({move!r})
os.sync()
os.rename('/switch', '/main.py')
os.sync()
exec({move!r}, {{'by_host': True}})
"""

# Ends a change that power, or Ctrl-C, has interrupted. What cannot be ended is left to the next upload.
GO_ON = f"""
try:
    with open('/main.py') as f:
        program = f.read()
    if program.startswith('{_MARK}'):
        exec(program, {{'by_host': True}})
except Exception:
    pass
"""


def begin(gone: Sequence[str]) -> str:
    """The program that makes the waiting files count. gone: files to remove. Everything waits already."""
    return _BEGIN.format(move=_MOVE.format(mark=_MARK, next=FOLDER, gone=list(gone)))


def place_of(name: str) -> str:
    """Where a file waits."""
    return FOLDER + name
