"""The verdict on a candidate: for a pull request, and for a CI system."""
