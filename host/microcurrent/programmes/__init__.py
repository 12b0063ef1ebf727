"""The programmes that come with microcurrent, as TOML files. Nothing here claims that a treatment works."""
