"""Transformers: trained here or elsewhere, fine-tuned, distilled."""
