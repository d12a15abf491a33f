"""Evaluation: pure functions in ``functional``, metrics of mmengine's loops in ``metrics``."""
