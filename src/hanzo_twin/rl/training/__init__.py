"""Training: from a task to a policy, with checkpoints, curves and lineage. Needs the extra ``train``."""
