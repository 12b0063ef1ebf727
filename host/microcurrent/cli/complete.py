"""What a shell offers behind Tab. Each list is made when it is asked for; what fails offers nothing."""

import click


def ports(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Serial ports of boards, names of running virtual Picos, and 'sim'."""
    from .. import ports as found
    from ..errors import MicrocurrentError

    try:
        boards = found.find_boards()
        virtual = {board.port: board.serial for board in found.virtual_boards()}
    except (MicrocurrentError, OSError):
        return _begun([found.SIM], typed)
    return _begun([found.SIM, *(virtual.get(board.port, board.port) for board in boards)], typed)


def loads(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """What a virtual Pico can drive."""
    from ..bench.skin import PRESETS

    return _begun(list(PRESETS), typed)


def boards(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Boards that a firmware can be built for."""
    from ..build import known_boards

    return _begun(known_boards(), typed)


def settings(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Names of the settings on a board."""
    from firmware.shared.settings import FIELDS

    return _begun([row[0] for row in FIELDS], typed)


def setting_pairs(ctx: click.Context, param: click.Parameter, typed: str) -> list[str]:
    """Names of settings where a NAME is due; where its VALUE is, the names that it can have."""
    given: list[str] = list(ctx.params.get(param.name or "") or ())
    if len(given) % 2 == 0:
        return settings(ctx, param, typed)
    from ..preferences import CHOICES

    return _begun(list(CHOICES.get(given[-1], ())), typed)


def _begun(names: list[str], typed: str) -> list[str]:
    return [name for name in names if name.startswith(typed)]
