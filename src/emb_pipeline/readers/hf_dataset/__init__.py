"""Data sets of Hugging Face's hub, and copies of them on this machine."""
