"""Classification: texts with one label each."""
