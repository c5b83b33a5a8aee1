"""Token classification: a tag of its own for each word of a sentence, such as its part of speech."""
