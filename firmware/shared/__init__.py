"""The contract between device and host: what both sides must agree on. Imports only its siblings."""
