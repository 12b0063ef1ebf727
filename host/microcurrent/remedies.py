"""Commands that a message recommends, made to work as they stand: with the port that the user named."""

import re
import shlex

# Every command that talks to a board, as messages write it; a port that stands behind it already is replaced.
_COMMAND = re.compile(
    r"(\bmicrocurrent (?:flash|verify|commission|selftest|calibrate|characterise|limits|run|treat|contact"
    r"|threshold|change|felt|skip|pause|resume|stop|status|monitor|log|doctor|load|press"
    r"|reset|programs (?:show|validate)|faults(?: clear)?"
    r"|config(?: (?:show|get|set|export|import|reset))?)\b)"
    r"( --port [^\s;,)]+)?(?! --port)"
)


def with_port(text: str, port: str | None) -> str:
    """`text` with `--port PORT` in every command that needs it. `port`: as the user wrote it, None when he named none.

    Names that a library put there are replaced too: a virtual Pico that a command started is gone when it ends.
    """
    if not port:
        return text
    return _COMMAND.sub(lambda match: f"{match.group(1)} --port {shlex.quote(port)}", text)
