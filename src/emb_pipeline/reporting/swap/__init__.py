"""What is said of a candidate: for a pull request, and for a CI system."""
