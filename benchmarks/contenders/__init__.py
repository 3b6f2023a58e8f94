"""One module a contender: ours, what people would use instead, and the floors that nobody can go below.

Belongs here: the work itself, written as well as its authors would have it. Each module has ``prepare()`` for imports
and the like, which is not measured, and ``run(job, parts)``, which is. Not here: what is compared with what.
"""
