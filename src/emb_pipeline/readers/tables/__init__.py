"""Rows with named columns, of any format."""
