"""Which examples train and which test, and draws of those that train."""
