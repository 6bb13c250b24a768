"""The variables of the environment that fastopt reads, which tests begin without."""

SETTINGS = ("FASTOPT_BACKEND", "FASTOPT_NUM_THREADS", "OMP_NUM_THREADS")
