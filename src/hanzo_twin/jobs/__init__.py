"""Long work: a row in the database, run by a worker in a process of its own, with progress, a log and cancellation.

`port` is what a kind of job is; `queue` and `worker` run them through PostgreSQL; `child` is the process of one job.
"""
