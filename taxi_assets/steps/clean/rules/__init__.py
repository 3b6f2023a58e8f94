"""What is held against every trip: which lines are rejected, what is odd and how odd is usual, how much may be lost."""
