"""Models on disk: loading them, their tokenizers, their saved settings and languages."""
