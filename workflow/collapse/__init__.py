"""Collapse Atlas: the library that the workflow's rules call. It never sees Snakemake."""
