"""The examples of a task: how they are read and checked, and the tables that hold them."""
