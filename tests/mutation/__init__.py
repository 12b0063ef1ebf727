"""Mutation testing of what decides about output: each mutant is killed by the dual cases, or listed as equivalent."""
