"""Who made the firmware on a board: Ed25519 signatures of its manifest, one's own key, and the keys that are trusted.

A signature covers the manifest's bytes: board, version, number, and the hash of every file. The project has no release
key: whoever builds signs, with a key that stays in their configuration, or does not sign, which is said. The host
checks; the board only checks its files against the manifest (firmware/hw/image.py).
"""

import dataclasses
import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from . import paths
from .build import MANIFEST, SIGNATURE, Build
from .errors import BadValueError, RecordError, VerifyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PURPOSE = b"microcurrent firmware manifest 1\n"  # so that the key's other signatures cannot be taken for one of these
_KEY_FILE, _TRUSTED_FILE = "signing_key.pem", "trusted_keys.txt"
_PUBLIC = re.compile("[0-9a-f]{64}")
_SHOWN = 16  # digits of a public key in messages
OWN = "your own key"
UNSIGNED = "not signed"


def new_key() -> str:
    """Make the own key; its public half in hex. Raises BadValueError when there is one, RecordError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    place = _key_path()
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(text)
    except FileExistsError:
        raise BadValueError(
            f"there is a key already, {place}; it was kept; boards that it signed would no longer be yours; move the "
            f"file away first if that is what you want"
        ) from None
    except OSError as error:
        raise RecordError(f"{place} cannot be written ({error.strerror}); no key was made; {_elsewhere()}") from None
    return _public(key)


def own_public() -> str | None:
    """The public half of the own key in hex, None without one. Raises RecordError."""
    key = _own_key()
    return _public(key) if key else None


def trust(public: str, name: str) -> None:
    """Trust what another key signs. Raises BadValueError, RecordError."""
    if not _PUBLIC.fullmatch(public):
        raise BadValueError(
            f"{public!r} is no public key; nothing was changed; it has 64 digits 0-9a-f, as its owner sees them with: "
            f"microcurrent keys show"
        )
    if not name.isprintable():
        raise BadValueError("the name of a key is one line of text; nothing was changed; choose another name")
    place = _trusted_path()
    known = {**_trusted_others(), public: name}
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text("".join(f"{key} {named}\n" for key, named in known.items()), encoding="utf-8")
        os.replace(draft, place)
    except OSError as error:
        raise RecordError(f"{place} cannot be written ({error.strerror}); nothing changed; {_elsewhere()}") from None


def trusted() -> dict[str, str]:
    """{public key in hex: whose it is}, the own one first. Raises RecordError."""
    own = own_public()
    return {**({own: OWN} if own else {}), **_trusted_others()}


def signed(built: Build) -> Build:
    """The build with its signature by the own key, or as it is without one. Raises RecordError."""
    key = _own_key()
    if key is None:
        return built
    told = {"key": _public(key), "signature": key.sign(_PURPOSE + built.files[MANIFEST]).hex()}
    return dataclasses.replace(built, files={**built.files, SIGNATURE: (json.dumps(told) + "\n").encode()})


def judged(manifest: bytes, signature: bytes, port: str) -> str:
    """Who signed a manifest, in words; UNSIGNED when nobody did and no key is trusted here.

    signature: what the board's file holds, empty without one. Raises VerifyError, RecordError.
    """
    known = trusted()
    if not signature:
        if not known:
            return UNSIGNED
        raise VerifyError(
            f"the manifest on {port} is not signed, and {len(known)} keys are trusted here; the firmware is as it was; "
            f"sign it with your own key (microcurrent keys new) and: microcurrent flash"
        )
    public = _checked(manifest, signature, port)
    if public not in known:
        raise VerifyError(
            f"the manifest on {port} is signed by {public}, which is not trusted here; the firmware is as it was; if "
            f"you know whose key that is: microcurrent keys trust {public} NAME; else run: microcurrent flash"
        )
    return f"signed by {known[public]} ({public[:_SHOWN]}...)"


def _checked(manifest: bytes, signature: bytes, port: str) -> str:
    """The public key whose signature it is. Raises VerifyError."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        told = json.loads(signature)
        public = told["key"]
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(told["signature"]), _PURPOSE + manifest)
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise VerifyError(
            f"the signature on {port} is not that of its manifest: one of the two was altered; run: microcurrent flash"
        ) from None
    return public


def _own_key() -> "Ed25519PrivateKey | None":
    place = _key_path()
    try:
        if stat.S_IMODE(place.stat().st_mode) & 0o077:
            raise RecordError(
                f"{place} can be read by others; nothing was signed or checked; run: chmod 600 {place}, and make a "
                f"new key if somebody may have read it"
            )
        text = place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"{place} cannot be read ({error.strerror}); nothing was signed; {_elsewhere()}") from None
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(text, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise RecordError(f"{place} holds no Ed25519 key; nothing was signed; restore it, or move it away")
    return key


def _trusted_others() -> dict[str, str]:
    place = _trusted_path()
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{place} cannot be read ({error}); nothing was checked; {_elsewhere()}") from None
    rows = [line.split(" ", 1) for line in lines if line.strip()]
    if not all(len(row) == 2 and _PUBLIC.fullmatch(row[0]) for row in rows):
        raise RecordError(f"{place} has a line that is not 'KEY NAME'; nothing was checked; correct it, or remove it")
    return {key: name for key, name in rows}


def _public(key: "Ed25519PrivateKey") -> str:
    return key.public_key().public_bytes_raw().hex()


def _key_path() -> Path:
    return paths.config_dir() / _KEY_FILE


def _trusted_path() -> Path:
    return paths.config_dir() / _TRUSTED_FILE


def _elsewhere() -> str:
    return f"choose another directory with {paths.CONFIG_ENV}"
