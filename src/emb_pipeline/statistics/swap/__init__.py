"""The candidate against what is deployed: the same units, paired; non-inferiority; tests at every commit."""
