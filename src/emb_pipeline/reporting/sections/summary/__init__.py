"""What the run says: the answer, what to deploy, what failed."""
