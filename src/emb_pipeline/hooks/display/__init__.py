"""The display of a run while it goes on.

Every process of a run appends its events to a file (`events`). The process with the terminal reads them into a state
(`state`), and shows that as a picture (`draw`) or as few lines (`plain`). `picture` draws a finished run from its file.
"""

from emb_pipeline.hooks.display.hook import Display

__all__ = ["Display"]
