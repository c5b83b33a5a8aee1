"""Two samples of texts as numbers: do they differ, and what would the scores be on texts like those of the second?"""
