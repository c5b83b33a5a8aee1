"""Audits of a task's data: lines, and the checks that several kinds share."""
