"""The deployment: what its files promise (no engine needed), and the same seen in running containers."""
