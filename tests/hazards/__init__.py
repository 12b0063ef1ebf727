"""The hazard trace: hazards.toml, what holds it against sources and tests, and the page that is made of it."""
