"""Generated blocks of a page stand between <!-- name --> and <!-- /name -->."""

import re


def replaced(text: str, name: str, block: str) -> str:
    """The page with that block. Raises ValueError unless it has exactly one place for it."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n?<!-- /{name} -->)", re.DOTALL)
    text, count = pattern.subn(lambda found: f"{found.group(1)}{block}\n<!-- /{name} -->", text)
    if count != 1:
        raise ValueError(f"the page has {count} places for {name!r}, not one")
    return text
