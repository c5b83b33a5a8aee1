"""The swap report: what changes where a candidate replaces what is deployed."""
