"""One module a section of the report: what is measured, and its figures as values.

Belongs here: what is compared with what, and the work that only one section has. Not here: how figures look.
"""
