"""Every started twin is one process of its own, reached over gRPC.

``process`` is what runs in it, ``client`` speaks to it, ``launcher`` starts and finds such processes, ``controller``
keeps them as the database wants them, and ``serve`` brings the whole platform up on one machine.
"""
