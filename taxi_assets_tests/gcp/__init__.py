"""What tests of the gcp target share: running emulators, a place of its own for each test, real HTTP faults."""
