"""Where results come from: fingerprints of code, parameters and files, and which results are stale."""
