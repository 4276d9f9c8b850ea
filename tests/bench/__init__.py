"""Benchmarks: `python -m tests.bench` measures revstamp beside the tools that people use today."""
