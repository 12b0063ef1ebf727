"""Lines of the journal as a reply carries them: whole, as text, as many as one line of the link takes."""

from ..shared import framing

LINE_BYTES = 885  # ours: a record with its quotes doubled; a "kept" with both a fault and a session takes 878
PROBLEM_BYTES = 100  # ours: what a page leaves for the sentence about a broken chain
_ENVELOPE_BYTES = 104  # a reply without its lines and its problem takes 100, with all numbers at their longest


def page(numbered, problem):
    """{"lines": texts, "next": number of the first line that did not fit or -1, "problem": sentence or None}.

    numbered: iterates over (number, line); problem: at most PROBLEM_BYTES.
    """
    room = framing.MAX_RECORD_BYTES - _ENVELOPE_BYTES - len(problem or "")
    texts = []
    for number, line in numbered:
        text = text_of(line)
        room -= cost(text) + 4  # its own quotes, a comma, a space
        if room < 0:
            return {"lines": texts, "next": number, "problem": problem}
        texts.append(text)
    return {"lines": texts, "next": -1, "problem": problem}


def text_of(line):
    """A line as printable ASCII, with question marks for the rest; cut when no page takes it, as only damage is."""
    line = line[: LINE_BYTES + 1]
    if line and not (min(line) >= 0x20 and max(line) < 0x7F):  # byte by byte takes milliseconds: for damage alone
        line = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in line)
    text = line.decode()
    return text if cost(text) <= LINE_BYTES else text[: LINE_BYTES // 2]


def cost(text):
    """Characters that a text takes inside a JSON string."""
    return len(text) + text.count('"') + text.count("\\")
