"""What is published: one module a dataset, the shared column vocabulary, the registry."""
