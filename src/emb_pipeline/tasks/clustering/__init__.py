"""Clustering: are texts of one class close together, without any label."""
