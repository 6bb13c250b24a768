"""What a step does besides the rule: norms, limits, loss scale, accumulation, report."""
