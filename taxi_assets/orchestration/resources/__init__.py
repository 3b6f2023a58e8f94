"""What the assets work with, and which of it each target gets."""
