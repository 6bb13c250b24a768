"""`python -m fastopt bench`; the benchmarks themselves are in bench/."""
