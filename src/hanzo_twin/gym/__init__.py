"""Environments for learners elsewhere: each session is a process of its own, reached over gRPC (or REST before it).

A session is never revived: when its process ends, by expiry, by request or by a crash, calls say so.
"""
