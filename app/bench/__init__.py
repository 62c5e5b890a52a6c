"""The benchmarks: what a poll and a send cost, as ratios to a bare limit measured in the same run."""
